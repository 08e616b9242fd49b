//! How long word count takes a word: `cargo test --release -p azud-sql --test it -- --ignored --nocapture`.

use std::sync::Arc;

use crate::support::{Run, schema};
use arrow::array::StringArray;
use arrow::record_batch::RecordBatch;
use azud_model::{Batch, Mode};
use azud_sql::{Tables, plan};

const WORDS: usize = 12_000_000;
const ROWS: usize = 8_192;

/// Words with a long tail, the same in every run.
fn words(distinct: u64) -> Vec<String> {
    let mut seed = 42_u64;
    (0..WORDS)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let unit = (seed >> 11) as f64 / (1_u64 << 53) as f64;
            let rank = (unit * unit * unit * distinct as f64) as u64;
            format!("w{:x}", rank.wrapping_mul(2_654_435_761) % 99_999_989)
        })
        .collect()
}

fn measure(name: &str, sql: &str, column: &str, rows: &[String]) {
    let columns = schema(&format!("{column} string"));
    let tables = Tables::from([("t".to_owned(), columns.clone().into())]);
    let batches: Vec<_> = rows
        .chunks(ROWS)
        .map(|rows| {
            let rows = StringArray::from_iter_values(rows);
            let rows = RecordBatch::try_new(columns.clone(), vec![Arc::new(rows)]).unwrap();
            Batch::without_origin(rows)
        })
        .collect();
    let mut run = Run::new(plan(sql, &tables).unwrap(), 1, Mode::Complete, false);
    let start = now();
    for batch in &batches {
        run.push("t", 0, batch);
    }
    let pushed = start.elapsed();
    let groups: usize = run.end_epoch().iter().map(RecordBatch::num_rows).sum();
    let per_word = |time: std::time::Duration| time.as_nanos() as f64 / WORDS as f64;
    println!(
        "{name}: {:.1} ns a word, {:.1} with the end of the epoch, {groups} groups",
        per_word(pushed),
        per_word(start.elapsed())
    );
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

#[test]
#[ignore = "a benchmark"]
fn word_count() {
    for distinct in [10_000, 100_000] {
        let words = words(distinct);
        let lines: Vec<_> = words.chunks(12).map(|words| words.join(" ")).collect();
        measure(
            "count",
            "SELECT word, count(*) FROM t GROUP BY word",
            "word",
            &words,
        );
        measure(
            "split and count",
            "SELECT word, count(*) FROM (SELECT explode(split(line, ' ')) AS word FROM t) GROUP BY word",
            "line",
            &lines,
        );
    }
}
