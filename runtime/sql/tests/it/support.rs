//! Runs queries as the engine does, only smaller: lanes one after the other, no threads.

use std::sync::Arc;

use arrow::array::{AsArray, UInt32Array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{SchemaRef, TimestampMicrosecondType, UInt8Type};
use arrow::record_batch::RecordBatch;
use azud_model::{Batch, Epoch, Mode, Watermark, key_groups};
use azud_operators::{Collector, Operator};
use azud_sql::{Input, Query, StepContext};

/// A row that was rejected: as JSON, and why.
pub(crate) type Rejected = (String, String);

/// A query with the operators of all its lanes.
pub(crate) struct Run {
    query: Query,
    /// By step, then by lane.
    operators: Vec<Vec<Box<dyn Operator>>>,
    lanes: usize,
    context: StepContext,
    epoch: u64,
    /// By step, what was ever put into its state: what a checkpoint would have.
    changes: Vec<Vec<RecordBatch>>,
    /// By step, before which time rows of state are forgotten.
    forgotten: Vec<Option<i64>>,
    /// What the query's last step emitted.
    pub(crate) rows: Vec<RecordBatch>,
    pub(crate) rejected: Vec<Rejected>,
    /// Rows that were late, as JSON.
    pub(crate) late: Vec<String>,
    watermark: Watermark,
}

#[derive(Default)]
struct Collected {
    rows: Vec<Batch>,
    rejected: Vec<Rejected>,
    late: Vec<String>,
}

impl Collector for Collected {
    fn emit(&mut self, port: usize, batch: Batch) -> azud_model::Result<()> {
        assert_eq!(port, 0, "one mode, one port");
        self.rows.push(batch);
        Ok(())
    }

    fn late(&mut self, rows: Batch) -> azud_model::Result<()> {
        self.late.extend(to_json(&[rows.columns().clone()]));
        Ok(())
    }

    fn reject(&mut self, batch: &Batch, row: usize, reason: String) -> azud_model::Result<()> {
        let row = to_json(&[batch.slice(row, 1).columns().clone()]).remove(0);
        self.rejected.push((row, reason));
        Ok(())
    }
}

impl Run {
    pub(crate) fn new(query: Query, lanes: usize, mode: Mode, state_per_batch: bool) -> Self {
        let context = StepContext {
            modes: vec![mode],
            state_per_batch,
            late_updates: false,
            per_epoch: false,
        };
        Self {
            operators: operators(&query, lanes, &context),
            changes: vec![Vec::new(); query.steps.len()],
            forgotten: vec![None; query.steps.len()],
            query,
            lanes,
            context,
            epoch: 0,
            rows: Vec::new(),
            rejected: Vec::new(),
            late: Vec::new(),
            watermark: Watermark::NONE,
        }
    }

    /// As a later run over the same checkpoint, after one whose end has closed everything up to
    /// this time.
    pub(crate) fn later(&mut self, lanes: usize, closed: i64) {
        self.watermark = Watermark {
            closed,
            ..Watermark::NONE
        };
        self.restart(lanes);
    }

    /// As after a crash: new operators, in so many lanes, with what a checkpoint has.
    pub(crate) fn restart(&mut self, lanes: usize) {
        self.lanes = lanes;
        self.operators = operators(&self.query, lanes, &self.context);
        let states = self.changes.iter().zip(&self.forgotten);
        for (operators, (changes, forgotten)) in self.operators.iter_mut().zip(states) {
            let lanes = operators.len();
            for (lane, operator) in operators.iter_mut().enumerate() {
                let mut out = Collected::default();
                operator.watermark(self.watermark, &mut out).unwrap();
                assert!(out.rows.is_empty(), "nothing is known yet");
                let own = changes.iter().map(|rows| of_lane(rows, lane, lanes));
                let own = own.map(|rows| without(&rows, *forgotten));
                operator.restore(&own.collect::<Vec<_>>()).unwrap();
            }
        }
    }

    /// Rows of a node.
    pub(crate) fn push(&mut self, table: &str, lane: usize, batch: &Batch) {
        self.forward(&Input::Table(table.to_owned()), lane, batch);
    }

    /// The end of an epoch; gives what the query emitted in it.
    pub(crate) fn end_epoch(&mut self) -> Vec<RecordBatch> {
        self.end_epoch_at(Watermark::NONE)
    }

    /// The same, when event time has come so far.
    pub(crate) fn end_epoch_at(&mut self, watermark: Watermark) -> Vec<RecordBatch> {
        self.watermark = watermark;
        let epoch = Epoch {
            number: self.epoch,
            time_ms: 0,
            input_rows: 0,
            last: false,
        };
        self.epoch += 1;
        for step in 0..self.operators.len() {
            for lane in 0..self.operators[step].len() {
                let mut out = Collected::default();
                let operator = &mut self.operators[step][lane];
                operator.watermark(watermark, &mut out).unwrap();
                operator.end_epoch(&epoch, &mut out).unwrap();
                let changes = self.operators[step][lane].take_changes().unwrap();
                match self.operators[step][lane].forgotten_below() {
                    Some(i64::MAX) if lane == 0 => self.changes[step].clear(),
                    Some(i64::MAX) | None => {}
                    before => self.forgotten[step] = self.forgotten[step].max(before),
                }
                self.changes[step].extend(changes);
                self.pass_on(step, lane, out);
            }
        }
        std::mem::take(&mut self.rows)
    }

    /// Event time has come so far within an epoch; gives what the query emitted up to now.
    pub(crate) fn watermark(&mut self, watermark: Watermark) -> Vec<RecordBatch> {
        self.watermark = watermark;
        for step in 0..self.operators.len() {
            for lane in 0..self.operators[step].len() {
                let mut out = Collected::default();
                let operator = &mut self.operators[step][lane];
                operator.watermark(watermark, &mut out).unwrap();
                self.pass_on(step, lane, out);
            }
        }
        std::mem::take(&mut self.rows)
    }

    fn forward(&mut self, from: &Input, lane: usize, batch: &Batch) {
        for step in 0..self.query.steps.len() {
            let readers: Vec<usize> = (0..self.query.steps[step].inputs.len())
                .filter(|input| self.query.steps[step].inputs[*input] == *from)
                .collect();
            for input in readers {
                for (lane, batch) in self.exchange(step, lane, batch) {
                    let mut out = Collected::default();
                    self.operators[step][lane]
                        .process(input, batch, &mut out)
                        .unwrap();
                    self.pass_on(step, lane, out);
                }
            }
        }
    }

    fn pass_on(&mut self, step: usize, lane: usize, out: Collected) {
        self.rejected.extend(out.rejected);
        self.late.extend(out.late);
        for batch in out.rows {
            assert!(batch.rows() <= azud_operators::MAX_ROWS);
            assert_eq!(batch.schema(), self.query.steps[step].schema);
            if step == self.query.output {
                self.rows.push(batch.columns().clone());
            }
            self.forward(&Input::Step(step), lane, &batch);
        }
    }

    fn exchange(&self, step: usize, lane: usize, batch: &Batch) -> Vec<(usize, Batch)> {
        let Some(keys) = &self.query.steps[step].exchange else {
            return vec![(lane.min(self.operators[step].len() - 1), batch.clone())];
        };
        if keys.is_empty() {
            return vec![(0, batch.clone())];
        }
        let columns: Vec<_> = keys
            .iter()
            .map(|key| batch.columns().column(*key).clone())
            .collect();
        let groups = key_groups(&columns, batch.rows()).unwrap();
        (0..self.lanes)
            .map(|lane| {
                let rows: UInt32Array = (0u32..)
                    .zip(&groups)
                    .filter(|(_, group)| usize::from(**group) % self.lanes == lane)
                    .map(|(row, _)| row)
                    .collect::<Vec<_>>()
                    .into();
                (lane, batch.take(&rows).unwrap())
            })
            .filter(|(_, batch)| batch.rows() > 0)
            .collect()
    }
}

fn operators(query: &Query, lanes: usize, context: &StepContext) -> Vec<Vec<Box<dyn Operator>>> {
    let mut changing: Vec<bool> = Vec::new();
    let steps = query.steps.iter().map(|step| {
        let lanes = match step.exchange.as_deref() {
            Some([]) => 1,
            _ => lanes,
        };
        let is_changing = |input: &Input| matches!(input, Input::Step(step) if changing[*step]);
        let changes = step.stateful || !step.keeps && step.inputs.iter().any(is_changing);
        changing.push(changes);
        let mut context = context.clone();
        // Above an aggregate rows are appended, whatever the mode is.
        if step.counts && !changes {
            context.modes = vec![Mode::Append];
        }
        (0..lanes).map(|_| (step.make)(&context).unwrap()).collect()
    });
    steps.collect()
}

/// The rows of a state whose key group a lane has.
fn of_lane(rows: &RecordBatch, lane: usize, lanes: usize) -> RecordBatch {
    let groups = rows.column_by_name("_key_group").unwrap();
    let groups = groups.as_primitive::<UInt8Type>().values().iter();
    let own: Vec<bool> = groups
        .map(|group| usize::from(*group) % lanes == lane)
        .collect();
    filter_record_batch(rows, &own.into()).unwrap()
}

/// The rows of a state that are not forgotten.
fn without(rows: &RecordBatch, forgotten: Option<i64>) -> RecordBatch {
    let Some(before) = forgotten else {
        return rows.clone();
    };
    let times = rows.column(2).as_primitive::<TimestampMicrosecondType>();
    let kept = times
        .iter()
        .map(|time| Some(time.is_none_or(|time| time >= before)));
    filter_record_batch(rows, &kept.collect()).unwrap()
}

/// Rows from lines of JSON.
pub(crate) fn from_json(schema: &SchemaRef, lines: &[&str]) -> RecordBatch {
    let mut decoder = arrow_json::ReaderBuilder::new(schema.clone())
        .with_batch_size(lines.len().max(1))
        .build_decoder()
        .unwrap();
    decoder.decode(lines.join("\n").as_bytes()).unwrap();
    decoder
        .flush()
        .unwrap()
        .unwrap_or_else(|| RecordBatch::new_empty(schema.clone()))
}

/// Rows as lines of JSON.
pub(crate) fn to_json(rows: &[RecordBatch]) -> Vec<String> {
    let mut text = Vec::new();
    let mut writer = arrow_json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow_json::writer::LineDelimited>(&mut text);
    for rows in rows {
        writer.write(rows).unwrap();
    }
    writer.finish().unwrap();
    let text = String::from_utf8(text).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// A schema from `a int, b array<string>`.
pub(crate) fn schema(text: &str) -> SchemaRef {
    let azud_model::ColumnType::Struct(columns) =
        format!("struct<{}>", colons(text)).parse().unwrap()
    else {
        panic!("not a schema: {text}");
    };
    let fields: Vec<_> = columns.iter().map(azud_model::Column::to_arrow).collect();
    Arc::new(arrow::datatypes::Schema::new(fields))
}

/// `a int, b string` as `a:int,b:string`.
fn colons(text: &str) -> String {
    let mut depth = 0;
    let mut result = String::new();
    let mut named = false;
    for letter in text.chars() {
        match letter {
            '<' | '(' => depth += 1,
            '>' | ')' => depth -= 1,
            ',' if depth == 0 => named = false,
            ' ' if depth == 0 && !named && !result.ends_with(',') => {
                result.push(':');
                named = true;
                continue;
            }
            ' ' if depth == 0 => continue,
            _ => {}
        }
        result.push(letter);
    }
    result
}
