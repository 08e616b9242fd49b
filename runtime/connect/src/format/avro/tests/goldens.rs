//! Records that fastavro wrote, and the rows that it read by the same schemas.

use serde_json::Value;

use super::*;
use crate::format::column::micros_from_text;

const GOLDENS: &str = include_str!("goldens.json");

pub(super) fn bytes(hex: &str) -> Vec<u8> {
    let digits = (0..hex.len()).step_by(2);
    digits
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

/// Numbers are equal as numbers; moments and decimals are marked in the goldens.
fn same(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Object(marked), Value::String(text)) if marked.contains_key("micros") => {
            marked["micros"].as_i64() == micros_from_text(text)
        }
        (Value::Object(marked), Value::Number(number)) if marked.contains_key("decimal") => {
            let decimal: f64 = marked["decimal"].as_str().unwrap().parse().unwrap();
            number.as_f64() == Some(decimal)
        }
        (Value::Number(expected), Value::Number(found)) => {
            expected == found || expected.as_f64() == found.as_f64()
        }
        (Value::Array(expected), Value::Array(found)) => {
            let mut both = expected.iter().zip(found);
            expected.len() == found.len() && both.all(|(expected, found)| same(expected, found))
        }
        (Value::Object(expected), Value::Object(found)) => {
            let mut both = expected.iter();
            expected.len() == found.len()
                && both.all(|(key, value)| found.get(key).is_some_and(|found| same(value, found)))
        }
        _ => expected == found,
    }
}

#[test]
fn what_fastavro_wrote_is_read_as_fastavro_reads_it() {
    let mut seen = 0;
    for line in GOLDENS.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let name = case["name"].as_str().unwrap();
        let writer = schema(&case["writer"].to_string());
        let reader = match case.get("reader") {
            Some(reader) => schema(&reader.to_string()),
            None => writer.clone(),
        };
        let all = case["records"].as_array().unwrap();
        let all: Vec<Vec<u8>> = all.iter().map(|hex| bytes(hex.as_str().unwrap())).collect();
        let decoded = bare(&writer, &reader).decode(&records(&all)).unwrap();
        assert_eq!(decoded.bad, [], "{name}");
        let found = rows(&decoded);
        let expected = case["rows"].as_array().unwrap();
        assert_eq!(found.len(), expected.len(), "{name}");
        for (expected, found) in expected.iter().zip(&found) {
            let row: Value = serde_json::from_str(found).unwrap();
            assert!(same(expected, &row), "{name}: {found} is not {expected}");
            seen += 1;
        }
    }
    assert_eq!(seen, 28);
}

/// Every record, cut at every byte, with a byte too many, and with each byte changed: none panics,
/// none costs its neighbours, and what ends too early is never a row.
#[test]
fn what_is_damaged_costs_nobody_else() {
    for line in GOLDENS.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let name = case["name"].as_str().unwrap();
        let writer = schema(&case["writer"].to_string());
        let mut decoder = bare(
            &writer,
            &writer
                .columns()
                .map_or_else(|_| record_of(&[]), |_| writer.clone()),
        );
        let good = bytes(case["records"][0].as_str().unwrap());
        let expected = rows(&decoder.decode(&records(&[&good])).unwrap());
        for cut in 0..good.len() {
            let all = [&good[..], &good[..cut], &good[..]];
            let decoded = decoder.decode(&records(&all)).unwrap();
            assert_eq!(decoded.bad.len(), 1, "{name}, cut at {cut}");
            assert_eq!(decoded.bad[0].index, 1);
            let positions = decoded.batch.origin().unwrap().positions.values().to_vec();
            assert_eq!(positions, [100, 102]);
            let found = rows(&decoded);
            assert_eq!([&found[0], &found[1]], [&expected[0]; 2], "{name}");
        }
        let mut longer = good.clone();
        longer.push(0);
        let decoded = decoder.decode(&records(&[&longer, &good])).unwrap();
        assert_eq!(decoded.bad[0].index, 0, "{name}");
        assert_eq!(rows(&decoded), expected, "{name}");
        for at in 0..good.len() {
            for byte in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                let mut other = good.clone();
                other[at] = byte;
                let decoded = decoder.decode(&records(&[&good, &other, &good])).unwrap();
                let found = rows(&decoded);
                assert_eq!(found.first(), expected.first(), "{name}");
                assert_eq!(found.last(), expected.last(), "{name}");
                assert_eq!(found.len() + decoded.bad.len(), 3);
            }
        }
    }
}
