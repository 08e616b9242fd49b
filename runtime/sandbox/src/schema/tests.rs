use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};

use super::{from_wire, physical, to_wire};
use crate::bindings::azud::plugin::types::FieldResult;

fn wire(data_type: &DataType) -> Vec<FieldResult> {
    let schema = Schema::new(vec![Field::new("c", data_type.clone(), true)]);
    let fields = to_wire(&schema).unwrap().into_iter();
    fields
        .map(|field| FieldResult {
            name: field.name,
            format: field.format,
            nullable: field.nullable,
            children: field.children,
        })
        .collect()
}

fn item(data_type: DataType) -> Arc<Field> {
    Arc::new(Field::new("item", data_type, true))
}

fn entries(values: DataType) -> Arc<Field> {
    let fields = Fields::from(vec![
        Field::new("keys", DataType::Utf8, false),
        Field::new("values", values, true),
    ]);
    Arc::new(Field::new("entries", DataType::Struct(fields), false))
}

#[test]
fn each_type_has_the_format_of_the_contract() {
    let formats = |data_type: DataType| {
        wire(&data_type)
            .into_iter()
            .map(|field| field.format)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(formats(DataType::Boolean), "b");
    assert_eq!(formats(DataType::Int64), "l");
    assert_eq!(formats(DataType::UInt8), "C");
    assert_eq!(formats(DataType::Utf8), "u");
    assert_eq!(formats(DataType::Date32), "tdD");
    assert_eq!(formats(DataType::FixedSizeBinary(16)), "w:16");
    assert_eq!(formats(DataType::Decimal128(38, 4)), "d:38,4");
    assert_eq!(
        formats(DataType::Timestamp(
            TimeUnit::Microsecond,
            Some("UTC".into())
        )),
        "tsu:UTC"
    );
    assert_eq!(formats(DataType::Timestamp(TimeUnit::Second, None)), "tss:");
    assert_eq!(formats(DataType::List(item(DataType::Utf8))), "+l u");
    assert_eq!(
        formats(DataType::FixedSizeList(item(DataType::Float32), 3)),
        "+w:3 f"
    );
    assert_eq!(
        formats(DataType::Map(entries(DataType::Int32), false)),
        "+m +s u i"
    );
}

#[test]
fn a_type_that_went_out_comes_back() {
    let nested = DataType::Struct(Fields::from(vec![
        Field::new(
            "list",
            DataType::List(item(DataType::List(item(DataType::Binary)))),
            true,
        ),
        Field::new(
            "map",
            DataType::Map(entries(DataType::Decimal128(10, -2)), false),
            false,
        ),
    ]));
    for data_type in [
        DataType::Float64,
        DataType::Time32(TimeUnit::Millisecond),
        DataType::Decimal128(38, 38),
        nested,
    ] {
        assert_eq!(
            from_wire(&wire(&data_type)).unwrap(),
            Field::new("c", data_type, true)
        );
    }
}

#[test]
fn other_layouts_become_those_of_the_contract() {
    let becomes = |from: DataType, to: DataType| assert_eq!(physical(&from), Some(to), "{from}");
    becomes(DataType::Utf8View, DataType::Utf8);
    becomes(DataType::LargeBinary, DataType::Binary);
    becomes(
        DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::LargeUtf8)),
        DataType::Utf8,
    );
    becomes(
        DataType::LargeList(item(DataType::Utf8View)),
        DataType::List(item(DataType::Utf8)),
    );
    becomes(
        DataType::Date64,
        DataType::Timestamp(TimeUnit::Millisecond, None),
    );
    becomes(DataType::Decimal64(10, 2), DataType::Decimal128(10, 2));
    becomes(DataType::Null, DataType::Boolean);
    for lossy in [
        DataType::Time64(TimeUnit::Nanosecond),
        DataType::Decimal256(50, 0),
        DataType::Struct(Fields::empty()),
    ] {
        assert_eq!(physical(&lossy), None, "{lossy}");
    }
}

/// Kernels set memory aside by the width of a value, and cannot be denied it.
#[test]
fn a_row_of_fixed_width_has_an_end() {
    let fields = |formats: &[(&str, u32)]| {
        let fields = formats.iter().map(|(format, children)| FieldResult {
            name: "c".into(),
            format: (*format).into(),
            nullable: true,
            children: *children,
        });
        from_wire(&fields.collect::<Vec<_>>()).map_err(|error| error.to_string())
    };
    assert!(fields(&[("+w:131072", 1), ("l", 0)]).is_ok());
    let error = "column `c` takes 1048584 bytes a row, at most 1048576 are possible";
    for wide in [
        &[("+w:131073", 1), ("l", 0)][..],
        &[("w:1048584", 0)],
        &[("+l", 1), ("w:1048580", 0)],
    ] {
        assert!(fields(wide).unwrap_err().contains(error), "{wide:?}");
    }
    let deep: Vec<_> = (0..15)
        .map(|_| ("+w:2147483647", 1))
        .chain([("l", 0)])
        .collect();
    assert!(fields(&deep).is_err());
}
