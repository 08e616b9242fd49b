//! The second step of an aggregate over windows: panes are merged into windows, and closed ones go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, TimestampMicrosecondArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::record_batch::RecordBatch;
use azud_model::{Batch, Epoch, Error, Mode, Result, Watermark};

use super::late::timestamps;
use super::merge::merged;
use super::slide::Slide;
use super::{PIECE_GROUPS, Windows};
use crate::aggregate::{Aggregate, Groups, Put, state};
use crate::{Collector, Held, Operator, StateShape};

/// So many groups of closed panes are borne before the memory is written anew.
const MIN_DEAD: usize = 1024;

/// Merges rows of states, whose first key is the pane that they are of, and emits the results
/// of windows, the first key then being the window's start:
///
/// - mode append: a window's results when the watermark closes it, windows in their order;
/// - mode update: at the end of an epoch, those that have changed in it;
/// - mode complete: at the end of an epoch, all there ever were. Nothing is closed then.
///
/// A window without rows has no result. What is closed is forgotten.
pub struct WindowAggregate {
    modes: Vec<Mode>,
    windows: Windows,
    closes: bool,
    by_clock: bool,
    watermark: Watermark,
    groups: Groups,
    /// The groups of every pane that is not forgotten.
    panes: BTreeMap<i64, Vec<usize>>,
    /// How many groups have a number, and are of no pane any more.
    dead: usize,
    /// What the epoch has put; where nobody asks, until the next one puts something.
    changed: Vec<Put>,
    /// Whether what it has put is of an epoch that has ended.
    has_ended: bool,
}

// === impl WindowAggregate ===

impl WindowAggregate {
    /// The second step of `aggregate`, whose first key is a pane of `windows`. Unless the
    /// watermark `closes` them, all are kept for ever.
    ///
    /// # Errors
    /// When the aggregate cannot be computed: its own constructor found that out.
    pub fn new(
        aggregate: Arc<Aggregate>,
        windows: Windows,
        modes: Vec<Mode>,
        closes: bool,
    ) -> Result<Self> {
        Ok(Self {
            modes,
            windows,
            closes,
            by_clock: false,
            watermark: Watermark::NONE,
            groups: Groups::new(aggregate)?,
            panes: BTreeMap::new(),
            dead: 0,
            changed: Vec::new(),
            has_ended: false,
        })
    }

    /// The same where the watermark is the clock's: it wants an epoch when a window ends, and a
    /// clock that is set back makes nothing late.
    #[must_use]
    pub fn by_clock(mut self) -> Self {
        self.by_clock = true;
        self
    }

    /// Rows of closed windows as rows of the first that is open.
    fn not_late(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let places = panes(rows)?;
        let first = self.windows.pane(self.watermark.time);
        let is_late = |pane: &i64| self.windows.is_over(*pane, self.watermark);
        if !places.values().iter().any(is_late) {
            return Ok(rows.clone());
        }
        let places = places.unary::<_, TimestampMicrosecondType>(|pane| pane.max(first));
        let mut columns = rows.columns().to_vec();
        if let Some(column) = columns.first_mut() {
            *column = Arc::new(places.with_data_type(column.data_type().clone()));
        }
        Ok(RecordBatch::try_new(rows.schema(), columns)?)
    }

    fn has(&self, mode: Mode) -> bool {
        self.modes.contains(&mode)
    }

    /// Ends the epoch's groups, or those up to now; emits what mode update asks for.
    fn absorb(&mut self, out: &mut dyn Collector) -> Result<()> {
        if !self.groups.is_touched() {
            return Ok(());
        }
        if std::mem::take(&mut self.has_ended) {
            self.changed.clear();
        }
        let put = self.groups.finish_epoch()?;
        let panes = panes(&put.rows)?;
        let mut touched = BTreeSet::new();
        for (pane, group) in panes.values().iter().zip(&put.groups) {
            touched.insert(*pane);
            if !self.groups.is_known(*group) {
                self.panes.entry(*pane).or_default().push(*group);
            }
        }
        self.changed.push(put.clone());
        self.groups.keep(put.clone())?;
        if !self.has(Mode::Update) {
            return Ok(());
        }
        if self.windows.is_tumbling() {
            return self.emit(&self.open(&put.rows)?, Mode::Update, out);
        }
        let windows: BTreeSet<i64> = touched
            .into_iter()
            .flat_map(|pane| self.windows.of_pane(pane))
            .filter(|start| !self.windows.is_closed(*start, self.watermark))
            .collect();
        for start in windows {
            let rows = merged(
                &self.groups,
                self.windows,
                start,
                &self.rows(start)?,
                Some(&put),
            )?;
            self.emit(&rows, Mode::Update, out)?;
        }
        Ok(())
    }

    /// The rows of an epoch whose windows, one each, are not closed.
    fn open(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let is_open = |pane: &i64| !self.windows.is_over(*pane, self.watermark);
        let open: Vec<bool> = panes(rows)?.values().iter().map(is_open).collect();
        Ok(filter_record_batch(rows, &open.into())?)
    }

    /// All rows of a window's panes.
    fn rows(&self, start: i64) -> Result<RecordBatch> {
        let groups: Vec<usize> = match self.windows.is_tumbling() {
            true => self.panes.get(&start).cloned().unwrap_or_default(),
            false => {
                let panes = self.panes.range(self.windows.panes_of(start));
                panes.flat_map(|(_, groups)| groups).copied().collect()
            }
        };
        self.groups.gather(&groups)
    }

    /// Emits whole windows, in their order.
    fn emit_windows(
        &self,
        windows: &BTreeSet<i64>,
        mode: Mode,
        out: &mut dyn Collector,
    ) -> Result<()> {
        let mut slide = Slide::new(&self.groups, self.windows, &self.panes);
        for start in windows {
            let rows = match self.windows.is_tumbling() {
                true => self.rows(*start)?,
                false => slide.rows(*start)?,
            };
            self.emit(&rows, mode, out)?;
        }
        Ok(())
    }

    fn emit(&self, rows: &RecordBatch, mode: Mode, out: &mut dyn Collector) -> Result<()> {
        let Some(port) = self.modes.iter().position(|own| *own == mode) else {
            return Ok(());
        };
        self.groups.results(rows, |results| {
            out.emit(port, Batch::without_origin(results))
        })
    }

    /// The windows that have rows and that `which` takes, in their order.
    fn windows(&self, which: impl Fn(i64) -> bool) -> BTreeSet<i64> {
        let starts = self
            .panes
            .keys()
            .flat_map(|pane| self.windows.of_pane(*pane));
        starts.filter(|start| which(*start)).collect()
    }

    /// Forgets panes whose windows are all closed.
    fn forget(&mut self) -> Result<()> {
        while let Some(pane) = self.panes.first_entry() {
            if !self.windows.is_over(*pane.key(), self.watermark) {
                break;
            }
            self.dead += pane.remove().len();
        }
        let alive = self.groups.len().saturating_sub(self.dead);
        if self.dead < alive.max(MIN_DEAD) && !(alive == 0 && self.dead > 0) {
            return Ok(());
        }
        let groups: Vec<usize> = self.panes.values().flatten().copied().collect();
        let pieces = groups.chunks(PIECE_GROUPS);
        let pieces: Vec<RecordBatch> = pieces
            .map(|piece| self.groups.gather(piece))
            .collect::<Result<_>>()?;
        let places: Vec<TimestampMicrosecondArray> =
            pieces.iter().map(panes).collect::<Result<_>>()?;
        let numbers = self.groups.replace(pieces)?;
        self.dead = 0;
        self.panes.clear();
        for (places, numbers) in places.iter().zip(numbers) {
            self.place(places, &numbers);
        }
        Ok(())
    }

    /// Notes the panes of groups.
    fn place(&mut self, panes: &TimestampMicrosecondArray, groups: &[usize]) {
        for (pane, group) in panes.values().iter().zip(groups) {
            self.panes.entry(*pane).or_default().push(*group);
        }
    }
}

impl Operator for WindowAggregate {
    fn process(&mut self, _input: usize, batch: Batch, _out: &mut dyn Collector) -> Result<()> {
        if batch.rows() == 0 {
            return Ok(());
        }
        match self.by_clock && self.watermark != Watermark::NONE {
            true => self.groups.merge(&self.not_late(batch.columns())?),
            false => self.groups.merge(batch.columns()),
        }
    }

    fn wants_epoch_at(&self) -> Option<i64> {
        if !self.by_clock || !self.closes || !self.has(Mode::Append) {
            return None;
        }
        let open = |start: &i64| !self.windows.is_closed(*start, self.watermark);
        let starts = self
            .panes
            .keys()
            .flat_map(|pane| self.windows.of_pane(*pane));
        let first = starts
            .filter(open)
            .map(|start| self.windows.end(start))
            .min()?;
        Some(first.div_euclid(1_000) + i64::from(first.rem_euclid(1_000) > 0))
    }

    fn watermark(&mut self, watermark: Watermark, out: &mut dyn Collector) -> Result<()> {
        let before = self.watermark;
        let now = before.join(watermark);
        if now == before || !self.closes {
            return Ok(());
        }
        self.absorb(out)?;
        self.watermark = now;
        let windows = self.windows;
        if self.has(Mode::Append) {
            let closing =
                |start| windows.is_closed(start, now) && !windows.is_closed(start, before);
            self.emit_windows(&self.windows(closing), Mode::Append, out)?;
        }
        match self.has(Mode::Complete) {
            true => Ok(()),
            false => self.forget(),
        }
    }

    fn end_epoch(&mut self, _epoch: &Epoch, out: &mut dyn Collector) -> Result<()> {
        self.absorb(out)?;
        self.has_ended = true;
        if self.has(Mode::Complete) {
            self.emit_windows(&self.windows(|_| true), Mode::Complete, out)?;
        }
        Ok(())
    }

    fn state(&self) -> Option<StateShape> {
        Some(state::shape(self.groups.aggregate()))
    }

    fn held(&self) -> Vec<Held> {
        let rows = self.panes.values().map(Vec::len).sum();
        let all = Held::for_ever("groups of windows", rows);
        // Where no result waits for an end, nothing is told by one.
        if !self.closes || self.modes == [Mode::Complete] {
            return vec![all];
        }
        // Rows without a time are of no window.
        let timed = self.panes.range(..i64::MAX).map(|(pane, _)| *pane);
        let open = self
            .windows(|start| start != i64::MAX && !self.windows.is_closed(start, self.watermark));
        let stay = match self.has(Mode::Complete) {
            true => rows,
            false => self.panes.get(&i64::MAX).map_or(0, Vec::len),
        };
        let starts = timed.flat_map(|pane| self.windows.of_pane(pane));
        vec![Held {
            for_ever: stay as u64,
            oldest: starts.min(),
            first: open.first().map(|start| self.windows.end(*start)),
            last: open.last().map(|start| self.windows.end(*start)),
            ..all
        }]
    }

    fn forgotten_below(&self) -> Option<i64> {
        match self.has(Mode::Complete) {
            true => None,
            false => self.windows.horizon(self.watermark),
        }
    }

    fn take_changes(&mut self) -> Result<Option<RecordBatch>> {
        let changed = std::mem::take(&mut self.changed);
        if self.forgotten_below() == Some(i64::MAX) {
            return Ok(None);
        }
        let rows = changed.iter().map(|put| self.groups.changes(put));
        let rows = rows.collect::<Result<Vec<_>>>()?;
        let Some(first) = rows.first() else {
            return Ok(None);
        };
        Ok(Some(arrow::compute::concat_batches(
            &first.schema(),
            &rows,
        )?))
    }

    fn restore(&mut self, rows: &[RecordBatch]) -> Result<()> {
        for rows in state::latest(self.groups.aggregate(), rows)? {
            let places = panes(&rows)?;
            let numbers = self.groups.put(rows)?;
            self.place(&places, &numbers);
        }
        match self.has(Mode::Complete) {
            true => Ok(()),
            false => self.forget(),
        }
    }
}

/// The pane of each row of keys and states. Where rows are grouped by time itself there may be
/// none, and that group is never closed before the end of all input.
fn panes(rows: &RecordBatch) -> Result<TimestampMicrosecondArray> {
    let column: &ArrayRef = rows
        .columns()
        .first()
        .ok_or_else(|| Error::internal("a row of a window names no pane"))?;
    let panes = timestamps(column)?;
    Ok(match panes.null_count() {
        0 => panes.clone(),
        _ => panes.iter().map(|pane| pane.or(Some(i64::MAX))).collect(),
    })
}
