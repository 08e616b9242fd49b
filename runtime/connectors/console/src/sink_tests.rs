//! Spark's own output, byte for byte, from the same rows.

use crate::Truncate;
use arrow::array::Array;
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
    Int64Builder, ListArray, MapBuilder, RecordBatch, StringArray, StringBuilder, StructArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Int64Type};
use azud_model::Batch;

use super::*;

const SECOND: i64 = 1_767_225_601_000_000;

/// What the screen shows of epochs, each the batches that its lanes write.
fn shown(options: ConsoleOptions, epochs: &[Vec<RecordBatch>]) -> String {
    let screen: Arc<Mutex<Vec<u8>>> = Arc::default();
    let console = Console::new(&options, screen.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let lanes = epochs.iter().map(Vec::len).max().unwrap();
        let mut writers = Vec::new();
        for lane in 0..lanes {
            writers.push(console.writer(lane, epochs[0][0].schema()).await.unwrap());
        }
        for (number, batches) in (0_u64..).zip(epochs) {
            let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
            let time_ms = 1_795_246_981_000 + number as i64 * 1000;
            let epoch = Epoch {
                number,
                time_ms,
                input_rows: rows as u64 + 1,
                last: false,
            };
            let mut prepared = Vec::new();
            for (writer, batch) in writers.iter_mut().zip(batches) {
                let batch = Batch::without_origin(batch.clone());
                writer.write(Output::Rows(batch)).await.unwrap();
            }
            for writer in &mut writers {
                prepared.push(writer.prepare(&epoch).await.unwrap());
            }
            console.commit(&epoch, prepared).await.unwrap();
        }
    });
    let bytes = screen.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn table(truncate: bool, rows: usize) -> ConsoleOptions {
    ConsoleOptions {
        style: Style::Table,
        rows: Some(rows),
        truncate: Truncate::Flag(truncate),
    }
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let columns = columns
        .into_iter()
        .map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn times(micros: Vec<i64>) -> TimestampMicrosecondArray {
    TimestampMicrosecondArray::from(micros).with_timezone("UTC")
}

const LONG: &str = "a value longer than twenty characters";

/// The three rows of the golden file's input.
fn first() -> RecordBatch {
    let arrays = vec![Some(vec![Some(1), Some(2)]), None, Some(vec![])];
    let fields = vec![
        Field::new("x", DataType::Int64, true),
        Field::new("y", DataType::Utf8, true),
    ];
    let parts: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![Some(1), None, None])),
        Arc::new(StringArray::from(vec![Some("q"), None, Some("日本")])),
    ];
    let nulls = NullBuffer::from(vec![true, false, true]);
    batch(vec![
        (
            "k",
            Arc::new(StringArray::from(vec![Some("a"), None, Some(LONG)])),
        ),
        (
            "n",
            Arc::new(Int64Array::from(vec![Some(1), None, Some(-5)])),
        ),
        (
            "d",
            Arc::new(Float64Array::from(vec![Some(1.5), None, Some(100.0)])),
        ),
        (
            "b",
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        ),
        (
            "ts",
            Arc::new(times(vec![
                SECOND,
                SECOND + 1_000_000,
                SECOND + 360_500_000,
            ])),
        ),
        (
            "arr",
            Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(arrays)),
        ),
        (
            "st",
            Arc::new(StructArray::new(fields.into(), parts, Some(nulls))),
        ),
    ])
}

#[test]
fn append() {
    assert_eq!(
        shown(table(true, 20), &[vec![first()]]),
        "\
-------------------------------------------
Batch: 0
-------------------------------------------
+--------------------+----+-----+-----+--------------------+------+------------+
|                   k|   n|    d|    b|                  ts|   arr|          st|
+--------------------+----+-----+-----+--------------------+------+------------+
|                   a|   1|  1.5| true| 2026-01-01 00:00:01|[1, 2]|      {1, q}|
|                NULL|NULL| NULL| NULL| 2026-01-01 00:00:02|  NULL|        NULL|
|a value longer th...|  -5|100.0|false|2026-01-01 00:06:...|    []|{NULL, 日本}|
+--------------------+----+-----+-----+--------------------+------+------------+

"
    );
}

#[test]
fn whole_cells_and_more_rows_than_fit() {
    let halves = vec![first().slice(0, 1), first().slice(1, 2)];
    for batches in [vec![first()], halves] {
        assert_eq!(
            shown(table(false, 2), &[batches]),
            "\
-------------------------------------------
Batch: 0
-------------------------------------------
+----+----+----+----+-------------------+------+------+
|k   |n   |d   |b   |ts                 |arr   |st    |
+----+----+----+----+-------------------+------+------+
|a   |1   |1.5 |true|2026-01-01 00:00:01|[1, 2]|{1, q}|
|NULL|NULL|NULL|NULL|2026-01-01 00:00:02|NULL  |NULL  |
+----+----+----+----+-------------------+------+------+
only showing top 2 rows
"
        );
    }
}

#[test]
fn binary() {
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    for value in [Some(1), None, Some(-5)] {
        map.keys().append_value("m");
        map.values().append_option(value);
        map.append(true).unwrap();
    }
    let decimals = Decimal128Array::from(vec![Some(150), None, Some(10_000)]);
    let batch = batch(vec![
        (
            "bin",
            Arc::new(BinaryArray::from(vec![
                Some(&b"a"[..]),
                None,
                Some(LONG.as_bytes()),
            ])),
        ),
        ("mp", Arc::new(map.finish())),
        ("dt", Arc::new(Date32Array::from(vec![20_454; 3]))),
        (
            "dec",
            Arc::new(decimals.with_precision_and_scale(10, 2).unwrap()),
        ),
    ]);
    assert_eq!(
        shown(table(true, 20), &[vec![batch]]),
        "\
-------------------------------------------
Batch: 0
-------------------------------------------
+--------------------+-----------+----------+------+
|                 bin|         mp|        dt|   dec|
+--------------------+-----------+----------+------+
|                [61]|   {m -> 1}|2026-01-01|  1.50|
|                NULL|{m -> NULL}|2026-01-01|  NULL|
|[61 20 76 61 6C 7...|  {m -> -5}|2026-01-01|100.00|
+--------------------+-----------+----------+------+

"
    );
}

#[test]
fn windows_then_nothing() {
    let minute = 60_000_000;
    let fields = times(vec![]).data_type().clone();
    let fields = vec![
        Field::new("start", fields.clone(), true),
        Field::new("end", fields, true),
    ];
    let starts =
        [-1, -61, -121, -181, -241, 359, 299, 239, 179, 119].map(|s| SECOND + s * 1_000_000);
    let window = |starts: &[i64]| {
        let ends = starts.iter().map(|start| start + 5 * minute).collect();
        let parts: Vec<ArrayRef> = vec![Arc::new(times(starts.to_vec())), Arc::new(times(ends))];
        let counts = (0..starts.len())
            .map(|row| if row < 5 { 2 } else { 1 })
            .collect::<Vec<i64>>();
        batch(vec![
            (
                "window",
                Arc::new(StructArray::new(fields.clone().into(), parts, None)),
            ),
            ("count", Arc::new(Int64Array::from(counts))),
        ])
    };
    assert_eq!(
        shown(
            table(false, 20),
            &[vec![window(&starts)], vec![window(&[])]]
        ),
        "\
-------------------------------------------
Batch: 0
-------------------------------------------
+------------------------------------------+-----+
|window                                    |count|
+------------------------------------------+-----+
|{2026-01-01 00:00:00, 2026-01-01 00:05:00}|2    |
|{2025-12-31 23:59:00, 2026-01-01 00:04:00}|2    |
|{2025-12-31 23:58:00, 2026-01-01 00:03:00}|2    |
|{2025-12-31 23:57:00, 2026-01-01 00:02:00}|2    |
|{2025-12-31 23:56:00, 2026-01-01 00:01:00}|2    |
|{2026-01-01 00:06:00, 2026-01-01 00:11:00}|1    |
|{2026-01-01 00:05:00, 2026-01-01 00:10:00}|1    |
|{2026-01-01 00:04:00, 2026-01-01 00:09:00}|1    |
|{2026-01-01 00:03:00, 2026-01-01 00:08:00}|1    |
|{2026-01-01 00:02:00, 2026-01-01 00:07:00}|1    |
+------------------------------------------+-----+

-------------------------------------------
Batch: 1
-------------------------------------------
+------+-----+
|window|count|
+------+-----+
+------+-----+

"
    );
}

#[test]
fn complete_and_empty() {
    let counts = batch(vec![
        (
            "k",
            Arc::new(StringArray::from(vec![None, Some(LONG), Some("a")])),
        ),
        ("count", Arc::new(Int64Array::from(vec![1, 1, 1]))),
    ]);
    let text = shown(table(true, 20), &[vec![counts]]);
    assert!(text.ends_with(
        "\
+--------------------+-----+
|                   k|count|
+--------------------+-----+
|                NULL|    1|
|a value longer th...|    1|
|                   a|    1|
+--------------------+-----+

"
    ));
    let empty = batch(vec![
        ("k", Arc::new(StringArray::from(Vec::<&str>::new()))),
        ("n", Arc::new(Int64Array::from(Vec::<i64>::new()))),
    ]);
    assert!(
        shown(table(true, 20), &[vec![empty]])
            .ends_with("+---+---+\n|  k|  n|\n+---+---+\n+---+---+\n\n")
    );
}

#[test]
fn control_characters_are_escaped_and_one_row_is_no_plural() {
    let text = "aaa\nbbb\tccc\rddd\u{c}eee\u{8}fff\u{b}ggg\u{7}hhh";
    let batch = batch(vec![("x", Arc::new(StringArray::from(vec![text, "b"])))]);
    let shown = shown(table(false, 1), &[vec![batch]]);
    assert!(
        shown.contains("|aaa\\nbbb\\tccc\\rddd\\feee\\bfff\\vggg\\ahhh|\n"),
        "{shown}"
    );
    assert!(shown.ends_with("+\nonly showing top 1 row\n"), "{shown}");
}

#[test]
fn pprint_as_dstream_prints() {
    let options = ConsoleOptions {
        style: Style::Pprint,
        ..ConsoleOptions::default()
    };
    let numbers = |n: i64| batch(vec![("n", Arc::new(Int64Array::from_iter_values(0..n)))]);
    let text = shown(
        options,
        &[vec![numbers(11)], vec![numbers(10)], vec![numbers(0)]],
    );
    let mut lines = text.lines();
    let rule = "-".repeat(43);
    for (count, dots) in [(10, true), (10, false), (0, false)] {
        assert_eq!(lines.next(), Some(rule.as_str()));
        assert!(lines.next().unwrap().starts_with("Time: 2026-11-2"));
        assert_eq!(lines.next(), Some(rule.as_str()));
        for n in 0..count {
            assert_eq!(lines.next(), Some(n.to_string().as_str()));
        }
        if dots {
            assert_eq!(lines.next(), Some("..."));
        }
        assert_eq!(lines.next(), Some(""));
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn pprint_of_pairs() {
    let options = ConsoleOptions {
        style: Style::Pprint,
        ..ConsoleOptions::default()
    };
    let pairs = batch(vec![
        ("k", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
        (
            "v",
            Arc::new(Float64Array::from(vec![Some(1.0), Some(2.5), None])),
        ),
    ]);
    let text = shown(options, &[vec![pairs]]);
    assert!(
        text.ends_with("-\n('a', 1.0)\n('b', 2.5)\n('c', None)\n\n"),
        "{text}"
    );
}

#[test]
fn json_lines_wait_for_the_commit() {
    let options = ConsoleOptions {
        style: Style::Json,
        ..ConsoleOptions::default()
    };
    let numbers = |n: i64| batch(vec![("n", Arc::new(Int64Array::from_iter_values(0..n)))]);
    let text = shown(
        options.clone(),
        &[
            vec![numbers(2), numbers(1)],
            vec![numbers(0)],
            vec![numbers(1)],
        ],
    );
    assert_eq!(text, "{\"n\":0}\n{\"n\":1}\n{\"n\":0}\n{\"n\":0}\n");
    // More than is held in memory.
    let text = shown(options, &[vec![numbers(200_000)]]);
    assert_eq!(text.lines().count(), 200_000);
}

/// What has no JSON is told before a run, not when its writers open.
#[test]
fn keys_that_are_no_text_are_refused_by_json_alone() {
    let mut map = MapBuilder::new(None, Int64Builder::new(), StringBuilder::new());
    map.append(true).unwrap();
    let schema = batch(vec![("m", Arc::new(map.finish()) as ArrayRef)]).schema();
    for style in [Style::Table, Style::Pprint, Style::Json] {
        let options = ConsoleOptions {
            style,
            ..ConsoleOptions::default()
        };
        let screen: Arc<Mutex<Vec<u8>>> = Arc::default();
        let checked = Console::new(&options, screen).check(&schema);
        match style {
            Style::Json => {
                let error = checked.unwrap_err();
                assert_eq!(error.kind(), azud_model::ErrorKind::Invalid);
                assert_eq!(
                    error.to_string(),
                    "format `json`, column `m`: the keys of a JSON object are text: cast those of \
                     map<bigint,string> to string"
                );
            }
            Style::Table | Style::Pprint => checked.unwrap(),
        }
    }
}

#[test]
fn a_closed_pipe_is_a_quiet_end() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let console = Console::new(&table(true, 20), Arc::new(Mutex::new(Closed)));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let epoch = Epoch {
        number: 0,
        time_ms: 0,
        input_rows: 1,
        last: true,
    };
    let error = runtime
        .block_on(console.commit(&epoch, Vec::new()))
        .unwrap_err();
    assert_eq!(error.kind(), azud_model::ErrorKind::Closed);
    assert_eq!(
        error.to_string(),
        "console: nobody reads the standard output"
    );
}
