use azud_model::{ColumnType, Partition};

use super::*;
use crate::{BadRecord, Format, FormatOptions, decoder, encoder};

fn records(lines: &[&[u8]]) -> Records {
    Records {
        partition: Arc::new(Partition {
            source: "in".into(),
            name: "a.txt".into(),
        }),
        first: 7,
        positions: None,
        payload: lines.iter().collect(),
        bad: Vec::new(),
        header: None,
        metadata: None,
    }
}

fn options(format: Format) -> FormatOptions {
    FormatOptions {
        format,
        schema: Vec::new(),
        header: true,
        keep: Vec::new(),
        payload: "value".to_owned(),
        payload_at: 0,
        avro: None,
    }
}

fn column(batch: &RecordBatch, index: usize) -> Vec<String> {
    let column = batch
        .column(index)
        .as_any()
        .downcast_ref::<StringArray>()
        .unwrap();
    column
        .iter()
        .map(|value| value.unwrap().to_owned())
        .collect()
}

#[test]
fn lines_become_values_with_their_positions() {
    let mut decoder = decoder(&options(Format::Text)).unwrap();
    let decoded = decoder
        .decode(&records(&[b"to be", b"", "日本".as_bytes()]))
        .unwrap();
    assert_eq!(column(decoded.batch.columns(), 0), ["to be", "", "日本"]);
    assert_eq!(
        decoded.batch.origin().unwrap().positions.values(),
        &[7, 8, 9]
    );
    assert!(decoded.bad.is_empty());
}

#[test]
fn invalid_utf8_costs_its_own_line_only() {
    let mut decoder = decoder(&options(Format::Text)).unwrap();
    let decoded = decoder
        .decode(&records(&[b"a", b"b\xff", b"\xe6\x97", b"\xa5", b"c"]))
        .unwrap();
    assert_eq!(column(decoded.batch.columns(), 0), ["a", "c"]);
    assert_eq!(decoded.batch.origin().unwrap().positions.values(), &[7, 11]);
    let reasons: Vec<_> = decoded
        .bad
        .iter()
        .map(|b| (b.index, b.reason.as_str()))
        .collect();
    assert_eq!(
        reasons,
        [
            (1, "invalid UTF-8 at byte 2"),
            (2, "invalid UTF-8 at byte 1"),
            (3, "invalid UTF-8 at byte 1")
        ]
    );
}

#[test]
fn raw_takes_anything_but_what_came_cut() {
    let mut records = records(&[b"\xff\xfe", b"x"]);
    let cut = BadRecord {
        index: 1,
        reason: "longer than max_line 1B".into(),
    };
    records.bad.push(cut.clone());
    for format in [Format::Raw, Format::Text] {
        let decoded = decoder(&options(format)).unwrap().decode(&records).unwrap();
        assert!(decoded.bad.contains(&cut));
    }
    let decoded = decoder(&options(Format::Raw))
        .unwrap()
        .decode(&records)
        .unwrap();
    assert_eq!(decoded.batch.rows(), 1);
}

#[test]
fn kept_columns_follow_the_rows_that_are_good() {
    let mut options = options(Format::Text);
    options.keep.push(Column {
        name: "path".into(),
        column_type: ColumnType::String,
    });
    let paths = StringArray::from(vec!["a", "b", "c"]);
    let schema = decoded::schema(Vec::new(), &options.keep);
    let mut records = records(&[b"1", b"\xff", b"3"]);
    records.metadata = Some(RecordBatch::try_new(schema, vec![Arc::new(paths)]).unwrap());
    let decoded = decoder(&options).unwrap().decode(&records).unwrap();
    assert_eq!(column(decoded.batch.columns(), 0), ["1", "3"]);
    assert_eq!(column(decoded.batch.columns(), 1), ["a", "c"]);
}

#[test]
fn rows_are_written_as_python_prints_them() {
    let words: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
    let counts: ArrayRef = Arc::new(arrow::array::Int64Array::from(vec![1, 2]));
    let write = |columns: Vec<(&str, ArrayRef)>| {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut out = Vec::new();
        encoder(Format::Text, &batch.schema())
            .unwrap()
            .encode(&batch, &mut out)
            .unwrap();
        String::from_utf8(out).unwrap()
    };
    assert_eq!(write(vec![("w", words.clone())]), "a\nNone\n");
    assert_eq!(
        write(vec![("w", words), ("n", counts)]),
        "('a', 1)\n(None, 2)\n"
    );
}
