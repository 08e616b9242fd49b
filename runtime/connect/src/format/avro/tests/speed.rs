//! How fast it is; only where it is asked for.

use std::time::Instant;

use super::*;
use crate::avro_encoder;

/// `cargo test --release -p azud-connect --lib avro::tests::speed -- --ignored --nocapture`
#[test]
#[ignore = "it only prints"]
#[expect(clippy::disallowed_methods, reason = "a measurement")]
fn rows_a_second() {
    let schema = record_of(&[
        ("id", "\"long\""),
        ("user", "\"string\""),
        ("amount", "\"double\""),
        ("at", r#"{"type":"long","logicalType":"timestamp-millis"}"#),
        ("note", r#"["null","string"]"#),
    ]);
    let mut all = Vec::new();
    for number in 0..4096u32 {
        let mut record = vec![(number % 64 * 2) as u8, 12];
        record.extend_from_slice(b"user-x");
        record.extend(f64::from(number).to_le_bytes());
        record.extend([0x80, 0xd0, 0x95, 0xff, 0xbc, 0x68]);
        match number % 2 {
            0 => record.push(0),
            _ => record.extend([2, 8, b'n', b'o', b't', b'e']),
        }
        all.push(record);
    }
    let all = records(&all);
    let mut decoder = bare(&schema, &schema);
    let batch = decoder.decode(&all).unwrap().batch.columns().clone();
    assert_eq!(batch.num_rows(), 4096);
    let mut encoder = avro_encoder(&schema, None, &batch.schema()).unwrap();
    const ROUNDS: u32 = 500;
    let began = Instant::now();
    for _ in 0..ROUNDS {
        decoder.decode(&all).unwrap();
    }
    let reading = began.elapsed();
    let began = Instant::now();
    for _ in 0..ROUNDS {
        encoder.records(&batch).unwrap();
    }
    let writing = began.elapsed();
    let rows = |time: std::time::Duration| f64::from(ROUNDS) * 4096.0 / time.as_secs_f64() / 1e6;
    println!("decoded: {:.1} million rows/s", rows(reading));
    println!("encoded: {:.1} million rows/s", rows(writing));
}
