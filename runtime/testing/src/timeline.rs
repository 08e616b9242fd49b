//! What has happened in a test, a line a step.

use std::fmt::Write;

use azud_engine::TimeReport;
use azud_manifest::TestStep;
use azud_model::iso_micros;
use serde_json::{Map, Value, json};

use crate::driver::Happened;
use crate::expectation::Output;

/// What has happened in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    happened: Happened,
    restart: bool,
    advance: Option<String>,
    /// The rows of each source that the step names.
    input: Vec<(String, usize)>,
    /// The rows of each node that somebody expects something of, and what went aside.
    out: Vec<(String, u64)>,
    /// What was expected and did not come, or came unexpected.
    pub(crate) diff: String,
    /// Whether the run stopped there.
    pub(crate) stopped: bool,
}

// === impl Line ===

impl Line {
    /// The line of a step, or of the end if that has left anything.
    pub(crate) fn new(
        happened: Happened,
        steps: &[TestStep],
        outputs: &[Output],
        diff: String,
    ) -> Option<Self> {
        let counts = outputs.iter().map(|output| {
            let count = output.count(&happened.epochs)?;
            Some((output.node.clone(), count as u64))
        });
        let mut out: Vec<_> = counts.flatten().collect();
        if happened.step.is_none() && out.is_empty() {
            return None;
        }
        for (node, rows) in &happened.aside {
            if !outputs.iter().any(|output| output.node == *node) {
                out.push((node.clone(), *rows));
            }
        }
        let step = happened.step.and_then(|step| steps.get(step));
        let rows = step.iter().flat_map(|step| step.rows.values());
        let advance = step.and_then(|step| step.advance.as_ref());
        Some(Self {
            restart: step.is_some_and(|step| step.restart.is_some()),
            advance: advance.map(|advance| advance.value.to_string()),
            input: rows
                .map(|rows| (rows.node.value.clone(), rows.rows.len()))
                .collect(),
            out,
            happened,
            diff,
            stopped: false,
        })
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let times = self.happened.times.iter();
        let watermarks = times.map(|time| {
            let known = match told(time).as_str() {
                NEVER => Value::Null,
                told => told.into(),
            };
            (time.source.clone(), known)
        });
        json!({
            "step": self.happened.step.map(|step| step + 1),
            "clock": clock(self.happened.clock_ms),
            "restart": self.restart,
            "advance": self.advance,
            "input": counts(self.input.iter().map(|(name, rows)| (name, *rows as u64))),
            "watermarks": Value::Object(watermarks.collect()),
            "out": counts(self.out.iter().map(|(name, rows)| (name, *rows))),
            "diff": self.diff,
        })
    }

    fn cells(&self) -> [String; 5] {
        let step = self.happened.step;
        let mut input = Vec::new();
        if self.restart {
            input.push("restart".to_owned());
        }
        input.extend(self.advance.as_ref().map(|advance| format!("+{advance}")));
        input.extend(
            self.input
                .iter()
                .map(|(name, rows)| format!("{name} {rows}")),
        );
        let times = self.happened.times.as_slice();
        let watermark = match times {
            [one] => told(one),
            // Those that are known say enough.
            _ => {
                let known = times.iter().map(|time| (&time.source, told(time)));
                let known = known.filter(|(_, told)| told != NEVER);
                let each: Vec<_> = known.map(|(name, told)| format!("{name} {told}")).collect();
                match each.is_empty() {
                    true if times.is_empty() => String::new(),
                    true => NEVER.to_owned(),
                    false => each.join(", "),
                }
            }
        };
        let out = self.out.iter().map(|(name, rows)| format!("{name} {rows}"));
        [
            step.map_or_else(|| "end".to_owned(), |step| (step + 1).to_string()),
            clock(self.happened.clock_ms),
            input.join(", "),
            watermark,
            out.collect::<Vec<_>>().join(", "),
        ]
    }
}

/// What is told of a source that has no watermark yet.
const NEVER: &str = "-";

/// Draws the steps as a table, `!` at those where something is wrong, and below them what.
/// Every line ends with a line end.
pub(crate) fn draw(lines: &[Line]) -> String {
    let head = ["step", "clock", "in", "watermark", "out"].map(str::to_owned);
    let timed = lines.iter().any(|line| !line.happened.times.is_empty());
    let table: Vec<_> = lines.iter().map(Line::cells).collect();
    let mut widths = [0; 5];
    for row in std::iter::once(&head).chain(&table) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let draw_row = |mark: char, row: &[String; 5]| {
        let mut drawn = String::from(mark);
        for (number, (cell, width)) in row.iter().zip(widths).enumerate() {
            if timed || number != WATERMARK {
                // Writing to a string cannot fail.
                let _ = write!(drawn, " {cell:width$} ");
            }
        }
        format!("{}\n", drawn.trim_end())
    };
    let mut drawn = draw_row(' ', &head);
    for (line, row) in lines.iter().zip(&table) {
        let wrong = line.stopped || !line.diff.is_empty();
        drawn.push_str(&draw_row(if wrong { '!' } else { ' ' }, row));
        for line in line.diff.lines() {
            let _ = writeln!(drawn, "      {line}");
        }
    }
    drawn
}

/// Which column has watermarks.
const WATERMARK: usize = 3;

/// How far the event time of a source has come.
fn told(time: &TimeReport) -> String {
    match time.watermark {
        _ if time.closed => "closed".to_owned(),
        _ if time.idle => "idle".to_owned(),
        Some(watermark) => iso_micros(watermark),
        None => NEVER.to_owned(),
    }
}

fn clock(wall_ms: i64) -> String {
    iso_micros(wall_ms.saturating_mul(1000))
}

fn counts<'a>(of: impl Iterator<Item = (&'a String, u64)>) -> Value {
    let map: Map<String, Value> = of.map(|(name, rows)| (name.clone(), rows.into())).collect();
    Value::Object(map)
}
