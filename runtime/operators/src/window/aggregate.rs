//! The second step of an aggregate over windows: panes are merged into windows, and closed ones go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, TimestampMicrosecondArray};
use arrow::compute::filter_record_batch;
use arrow::compute::kernels::aggregate::min;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::record_batch::RecordBatch;
use azud_model::{Batch, Epoch, Error, Mode, Result, Watermark};

use super::inner_keys::InnerKeys;
use super::late::timestamps;
use super::slide::Slide;
use super::{PIECE_GROUPS, Windows};
use crate::aggregate::{Aggregate, Former, Groups, Put, state};
use crate::{Collector, Held, MAX_ROWS, Operator, StateShape};

/// So many groups of closed panes are borne before the memory is written anew.
const MIN_DEAD: usize = 1024;

/// Merges rows of states, whose first key is the pane that they are of, and emits the results
/// of windows, the first key then being the window's start:
///
/// - mode append: a window's results when the watermark closes it, windows in their order;
/// - mode update: at the end of an epoch, and before the watermark closes some within it, those
///   that have changed since;
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
    /// The other keys of groups, where windows slide.
    keys: InnerKeys,
    /// The first pane that rows have come for since they were last placed.
    came: Option<i64>,
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
            keys: InnerKeys::new(&aggregate)?,
            modes,
            windows,
            closes,
            by_clock: false,
            watermark: Watermark::NONE,
            groups: Groups::new(aggregate)?,
            panes: BTreeMap::new(),
            came: None,
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

    /// Whether that moves past the end of a window that has rows.
    fn closes_any(&self, before: Watermark, now: Watermark) -> bool {
        // Those that are over and not forgotten (mode complete) close nothing any more.
        let mut panes = self.panes.keys().copied();
        let first = panes.find(|pane| !self.windows.is_over(*pane, before));
        let mut first = first.into_iter().chain(self.came);
        first.any(|pane| {
            let mut starts = self.windows.of_pane(pane);
            starts.any(|start| {
                self.windows.is_closed(start, now) && !self.windows.is_closed(start, before)
            })
        })
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
        self.came = None;
        let put = self.groups.finish_epoch()?;
        let panes = panes(&put.rows)?;
        for (pane, group) in panes.values().iter().zip(&put.groups) {
            if !self.groups.is_known(*group) {
                self.panes.entry(*pane).or_default().push(*group);
            }
        }
        self.note_keys(&put.rows, &put.groups)?;
        self.changed.push(put.clone());
        self.groups.keep(put.clone())?;
        if !self.has(Mode::Update) {
            return Ok(());
        }
        if self.windows.is_tumbling() {
            return self.emit(&self.open(&put.rows)?, Mode::Update, out);
        }
        let mut touched: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
        for (pane, group) in panes.values().iter().zip(&put.groups) {
            touched
                .entry(*pane)
                .or_default()
                .push(self.keys.of(*group)?);
        }
        let windows = touched.keys().flat_map(|pane| self.windows.of_pane(*pane));
        let open = windows.filter(|start| !self.windows.is_closed(*start, self.watermark));
        self.slide(&open.collect(), Mode::Update, Some(&touched), out)
    }

    /// The rows of an epoch whose windows, one each, are not closed.
    fn open(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let is_open = |pane: &i64| !self.windows.is_over(*pane, self.watermark);
        let open: Vec<bool> = panes(rows)?.values().iter().map(is_open).collect();
        Ok(filter_record_batch(rows, &open.into())?)
    }

    /// Notes the other keys of groups.
    fn note_keys(&mut self, rows: &RecordBatch, groups: &[usize]) -> Result<()> {
        match self.windows.is_tumbling() {
            true => Ok(()),
            false => self.keys.add(self.groups.aggregate().keys(), rows, groups),
        }
    }

    /// Emits whole windows, in their order.
    fn emit_windows(
        &mut self,
        windows: &BTreeSet<i64>,
        mode: Mode,
        out: &mut dyn Collector,
    ) -> Result<()> {
        if !self.windows.is_tumbling() {
            return self.slide(windows, mode, None, out);
        }
        for start in windows {
            let groups = self.panes.get(start);
            let rows = self.groups.gather(groups.map_or(&[], Vec::as_slice))?;
            self.emit(&rows, mode, out)?;
        }
        Ok(())
    }

    /// Emits sliding windows, in their order; with `touched`, which has keys by pane, only what
    /// has these in the window.
    fn slide(
        &mut self,
        windows: &BTreeSet<i64>,
        mode: Mode,
        touched: Option<&BTreeMap<i64, Vec<u32>>>,
        out: &mut dyn Collector,
    ) -> Result<()> {
        let Some(port) = self.modes.iter().position(|own| *own == mode) else {
            return Ok(());
        };
        self.keys.settle()?;
        let mut slide = Slide::new(&self.groups, &self.keys, self.windows, &self.panes)?;
        for start in windows {
            let of_window = touched.map(|touched| touched.range(self.windows.panes_of(*start)));
            let only = of_window.map(|panes| panes.flat_map(|(_, keys)| keys).copied());
            if let Some(results) = slide.results(*start, only)? {
                let results = Batch::without_origin(results);
                for from in (0..results.rows()).step_by(MAX_ROWS) {
                    out.emit(port, results.slice(from, MAX_ROWS))?;
                }
            }
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
        let numbers = self.groups.replace(pieces.clone())?;
        self.dead = 0;
        self.panes.clear();
        self.keys.clear()?;
        for (rows, numbers) in pieces.iter().zip(numbers) {
            self.place(rows, &numbers)?;
        }
        Ok(())
    }

    /// Notes the panes and other keys of groups.
    fn place(&mut self, rows: &RecordBatch, groups: &[usize]) -> Result<()> {
        for (pane, group) in panes(rows)?.values().iter().zip(groups) {
            self.panes.entry(*pane).or_default().push(*group);
        }
        self.note_keys(rows, groups)
    }
}

impl Operator for WindowAggregate {
    fn process(&mut self, _input: usize, batch: Batch, _out: &mut dyn Collector) -> Result<()> {
        if batch.rows() == 0 {
            return Ok(());
        }
        let rows = match self.by_clock && self.watermark != Watermark::NONE {
            true => self.not_late(batch.columns())?,
            false => batch.columns().clone(),
        };
        let first = min(&panes(&rows)?);
        self.came = self.came.into_iter().chain(first).min();
        self.groups.merge(&rows)
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
        if !self.closes_any(before, now) {
            self.watermark = now;
            return Ok(());
        }
        self.absorb(out)?;
        self.watermark = now;
        let windows = self.windows;
        if self.has(Mode::Append) {
            let closing =
                |start| windows.is_closed(start, now) && !windows.is_closed(start, before);
            let closing = self.windows(closing);
            self.emit_windows(&closing, Mode::Append, out)?;
        }
        match self.has(Mode::Complete) {
            true => Ok(()),
            false => self.forget(),
        }
    }

    fn end_epoch(&mut self, epoch: &Epoch, out: &mut dyn Collector) -> Result<()> {
        self.absorb(out)?;
        self.has_ended = true;
        if self.has(Mode::Complete) {
            let all = self.windows(|_| true);
            self.emit_windows(&all, Mode::Complete, out)?;
        }
        self.groups.end_epoch(epoch.number)
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
        self.groups.all_changes(&changed)
    }

    fn restore(&mut self, rows: &[RecordBatch]) -> Result<()> {
        for rows in state::latest(self.groups.aggregate(), rows)? {
            let numbers = self.groups.put(rows.clone())?;
            self.place(&rows, &numbers)?;
        }
        match self.has(Mode::Complete) {
            true => Ok(()),
            false => self.forget(),
        }
    }

    fn formers(&self) -> Vec<StateShape> {
        state::former_shapes(self.groups.aggregate())
    }

    fn convert(&mut self, former: usize, rows: &[RecordBatch]) -> Result<()> {
        let mut former = Former::of(self.groups.aggregate(), former)?;
        for rows in state::latest(former.aggregate(), rows)? {
            let put = self.groups.adopt(former.convert(&rows)?)?;
            self.place(&put.rows, &put.groups)?;
            self.changed.push(put);
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
