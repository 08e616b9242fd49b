//! Rows a second of the formats on one core: `cargo bench -p azud-connect --bench decode`.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::print_stdout, reason = "a benchmark prints")]
#![expect(clippy::unwrap_used, reason = "a benchmark may stop at once")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use azud_connect::{
    DEFAULT_MAX_RECORD, Decoder, Format, FormatOptions, Framer, Records, decoder, encoder,
};
use azud_model::{Column, Partition};

const ROWS: usize = 2_000_000;

fn options(format: Format) -> FormatOptions {
    let column = |name: &str, column_type: &str| Column {
        name: name.to_owned(),
        column_type: column_type.parse().unwrap(),
    };
    FormatOptions {
        format,
        schema: match format {
            Format::Text | Format::Raw | Format::Avro => Vec::new(),
            Format::Json | Format::Csv => vec![
                column("user", "string"),
                column("amount", "bigint"),
                column("price", "double"),
                column("ts", "timestamp"),
            ],
        },
        header: false,
        keep: Vec::new(),
        payload: "value".to_owned(),
        payload_at: 0,
        avro: None,
    }
}

/// Frames and decodes everything, `best of 3`.
fn measure(name: &str, format: Format, stream: &[u8]) -> Vec<Records> {
    let partition = Arc::new(Partition {
        source: "in".to_owned(),
        name: "a".to_owned(),
    });
    let mut best = (f64::MAX, f64::MAX);
    let mut kept = Vec::new();
    for _ in 0..3 {
        let start = Instant::now();
        let mut framer = Framer::new(options(format).framing(), DEFAULT_MAX_RECORD);
        let mut records = Vec::new();
        for piece in stream.chunks(64 * 1024) {
            framer.push(piece);
            while framer.is_full() {
                records.extend(framer.chunk());
            }
        }
        framer.end();
        records.extend(std::iter::from_fn(|| framer.chunk()));
        let records: Vec<Records> = records
            .into_iter()
            .map(|chunk| chunk.into_records(partition.clone(), None))
            .collect();
        let framed = start.elapsed().as_secs_f64();
        let mut reader: Box<dyn Decoder> = decoder(&options(format)).unwrap();
        let start = Instant::now();
        for records in &records {
            let decoded = reader.decode(records).unwrap();
            assert!(decoded.bad.is_empty());
            black_box(decoded);
        }
        best = (
            best.0.min(framed),
            best.1.min(start.elapsed().as_secs_f64()),
        );
        kept = records;
    }
    let rate = |seconds: f64| ROWS as f64 / seconds / 1e6;
    println!(
        "{name}: framing {:.2} M rows/s, decoding {:.2} M rows/s ({:.0} MB/s)",
        rate(best.0),
        rate(best.1),
        stream.len() as f64 / best.1 / 1e6
    );
    kept
}

/// Arrow's own decoder over the same bytes, for comparison: not strict.
fn arrow(stream: &[u8]) {
    // Without a zone: arrow-json knows none by name.
    let fields = vec![
        Field::new("user", DataType::Utf8, true),
        Field::new("amount", DataType::Int64, true),
        Field::new("price", DataType::Float64, true),
        Field::new("ts", DataType::Timestamp(TimeUnit::Microsecond, None), true),
    ];
    let schema = Arc::new(Schema::new(fields));
    let mut best = f64::MAX;
    for _ in 0..3 {
        let start = Instant::now();
        let mut reader = arrow_json::ReaderBuilder::new(schema.clone())
            .with_batch_size(4096)
            .build(stream)
            .unwrap();
        for batch in &mut reader {
            black_box(batch.unwrap());
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!(
        "json by arrow-json, not strict: {:.2} M rows/s",
        ROWS as f64 / best / 1e6
    );
}

fn main() {
    let mut json = Vec::new();
    let mut csv = Vec::new();
    for row in 0..ROWS {
        let (user, amount) = (row % 1000, row * 7919 % 100_000);
        let price = (row % 997) as f64 / 4.0;
        let (minute, second) = (row / 60 % 60, row % 60);
        json.extend_from_slice(
            format!(
                "{{\"user\":\"user-{user:04}\",\"amount\":{amount},\"price\":{price:?},\
                 \"ts\":\"2026-01-01T00:{minute:02}:{second:02}Z\",\"note\":\"abcdefgh\"}}\n"
            )
            .as_bytes(),
        );
        csv.extend_from_slice(
            format!("user-{user:04},{amount},{price:?},2026-01-01T00:{minute:02}:{second:02}Z\n")
                .as_bytes(),
        );
    }
    println!("{} bytes a JSON row", json.len() / ROWS);
    measure("text", Format::Text, &json);
    let records = measure("json", Format::Json, &json);
    arrow(&json);
    measure("csv", Format::Csv, &csv);

    let mut reader = decoder(&options(Format::Json)).unwrap();
    let batches: Vec<_> = records
        .iter()
        .map(|records| reader.decode(records).unwrap().batch)
        .collect();
    for format in [Format::Json, Format::Csv, Format::Text] {
        let mut writer = encoder(format, &reader.schema()).unwrap();
        let mut out = Vec::new();
        let start = Instant::now();
        for batch in &batches {
            out.clear();
            writer.encode(batch.columns(), &mut out).unwrap();
            black_box(&out);
        }
        let rate = ROWS as f64 / start.elapsed().as_secs_f64() / 1e6;
        println!("{format}: encoding {rate:.2} M rows/s");
    }
}
