mod bad;
mod oracle;
mod write;

use std::sync::Arc;

use azud_model::{Column, Partition};

use crate::{Decoded, Decoder, Format, FormatOptions, Records, decoder};

pub(super) fn records(lines: &[&[u8]]) -> Records {
    Records {
        partition: Arc::new(Partition {
            source: "in".into(),
            name: "a.json".into(),
        }),
        first: 1,
        positions: None,
        payload: lines.iter().collect(),
        bad: Vec::new(),
        header: None,
        metadata: None,
    }
}

/// Columns from `a: int, b: string` written as pairs.
pub(super) fn reader(schema: &[(&str, &str)]) -> Box<dyn Decoder> {
    let schema = schema
        .iter()
        .map(|(name, column_type)| Column {
            name: (*name).to_owned(),
            column_type: column_type.parse().unwrap(),
        })
        .collect();
    decoder(&FormatOptions {
        format: Format::Json,
        schema,
        header: false,
        keep: Vec::new(),
        payload: "value".to_owned(),
        payload_at: 0,
        avro: None,
    })
    .unwrap()
}

pub(super) fn decode(schema: &[(&str, &str)], lines: &[&str]) -> Decoded {
    let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
    reader(schema).decode(&records(&lines)).unwrap()
}

#[test]
fn a_list_of_objects_is_a_row_each_and_all_of_them_or_none() {
    let lines = [
        "[{\"n\":1},{\"n\":2}]",
        "{\"n\":3}",
        " []",
        "[{\"n\":4},{\"n\":\"5\"}]",
        "[{\"n\":6},[{\"n\":7}]]",
        "[{\"n\":8},null]",
        "[{\"n\":9}",
        "[{},{\"n\":10}] ",
    ];
    let decoded = decode(&[("n", "bigint")], &lines);
    let rows: Vec<_> = (0..decoded.batch.rows())
        .map(|row| crate::row_json(decoded.batch.columns(), row))
        .collect();
    let expected = ["{\"n\":1}", "{\"n\":2}", "{\"n\":3}", "{}", "{\"n\":10}"];
    assert_eq!(rows, expected.map(|row| row.as_bytes().to_vec()));
    let positions = &decoded.batch.origin().unwrap().positions;
    assert_eq!(positions.values(), &[1, 1, 2, 8, 8]);
    let bad: Vec<_> = decoded
        .bad
        .iter()
        .map(|bad| (bad.index, bad.reason.as_str()))
        .collect();
    assert_eq!(
        bad,
        [
            (
                3,
                "element 2 of the list: column `n`: \"5\" is not a bigint"
            ),
            (4, "element 2 of the list: not a JSON object"),
            (5, "element 2 of the list: not a JSON object"),
            (6, "not JSON: EOF while parsing a list at column 8"),
        ]
    );
}
