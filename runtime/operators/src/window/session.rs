//! The second step of an aggregate over session windows: sessions that meet become one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, TimestampMicrosecondArray, UInt64Array};
use arrow::compute::concat_batches;
use arrow::compute::kernels::aggregate::min;
use arrow::datatypes::Schema;
use azud_model::{Batch, Epoch, Error, Mode, Result, Watermark};

use super::PIECE_GROUPS;
use super::late::timestamps;
use crate::aggregate::{Aggregate, Former, GroupKeys, Groups, Put, failed, formers, state};
use crate::project::record_batch;
use crate::state_rows::{BEFORE_KEY, last_rows};
use crate::{Collector, Held, Operator, StateShape};

/// So many groups of closed sessions are borne before the memory is written anew.
const MIN_DEAD: usize = 64;

/// Merges rows of states whose first key is the start of a session and whose first state is its
/// end; the other keys say whose it is. Two sessions of the same owner of which one starts before
/// the other has ended, or when it does, are one, as in Spark (`MergingSessionsIterator`).
///
/// Emits results, the first key being the session's start:
///
/// - mode append: a session's results when the watermark closes it;
/// - mode complete: at the end of an epoch, all sessions. Nothing is closed then.
pub struct SessionAggregate {
    modes: Vec<Mode>,
    closes: bool,
    watermark: Watermark,
    /// By start and owner.
    groups: Groups,
    /// Numbers of owners.
    owners: GroupKeys,
    /// Of each owner, its sessions by their starts.
    sessions: Vec<BTreeMap<i64, Session>>,
    /// Ends, owners, starts.
    ends: BTreeSet<(i64, usize, i64)>,
    /// The first end of what has come since sessions were last joined.
    came: Option<i64>,
    /// How many groups have a number, and are of no session any more.
    dead: usize,
    /// What the epoch has put; where nobody asks, until the next one puts something.
    changed: Vec<Put>,
    /// Whether what it has put is of an epoch that has ended.
    has_ended: bool,
}

#[derive(Clone, Copy, Debug)]
struct Session {
    end: i64,
    group: usize,
}

// === impl SessionAggregate ===

impl SessionAggregate {
    /// The second step of `aggregate`. Unless the watermark `closes` sessions, all are kept for
    /// ever.
    ///
    /// # Errors
    /// When the aggregate cannot be computed: its own constructor found that out.
    pub fn new(aggregate: Arc<Aggregate>, modes: Vec<Mode>, closes: bool) -> Result<Self> {
        let owners = aggregate.state().fields().iter();
        let owners = owners.take(aggregate.keys()).skip(1).cloned();
        let owners = Arc::new(Schema::new(owners.collect::<Vec<_>>()));
        Ok(Self {
            modes,
            closes,
            watermark: Watermark::NONE,
            owners: GroupKeys::new(&owners).map_err(failed)?,
            groups: Groups::new(aggregate)?,
            sessions: Vec::new(),
            ends: BTreeSet::new(),
            came: None,
            dead: 0,
            changed: Vec::new(),
            has_ended: false,
        })
    }

    fn has(&self, mode: Mode) -> bool {
        self.modes.contains(&mode)
    }

    /// Ends the epoch's groups, or those up to now, and joins sessions that meet.
    fn absorb(&mut self) -> Result<()> {
        if !self.groups.is_touched() {
            return Ok(());
        }
        if std::mem::take(&mut self.has_ended) {
            self.changed.clear();
        }
        self.came = None;
        let put = self.groups.finish_epoch()?;
        let owners = self.place(&put.rows, &put.groups)?;
        self.changed.push(put.clone());
        self.groups.keep(put)?;
        let owners: BTreeSet<usize> = owners.into_iter().collect();
        let (absorbed, into) = self.meet(&owners);
        if absorbed.is_empty() {
            return Ok(());
        }
        self.dead += absorbed.len();
        for (groups, into) in absorbed.chunks(PIECE_GROUPS).zip(into.chunks(PIECE_GROUPS)) {
            let rows = self.groups.gather(groups)?;
            self.groups.merge(&started(&rows, into)?)?;
        }
        // One that starts when an absorbed one did is another.
        self.groups.remove(&absorbed);
        let put = self.groups.finish_epoch()?;
        self.place(&put.rows, &put.groups)?;
        self.changed.push(put.clone());
        self.groups.keep(put)
    }

    /// Notes the sessions of rows; answers whose they are.
    fn place(&mut self, rows: &RecordBatch, groups: &[usize]) -> Result<Vec<usize>> {
        let starts = times(rows, 0)?;
        let ends = times(rows, self.groups.aggregate().keys())?;
        let (keys, _) = self.groups.split(rows.columns());
        let mut owners = Vec::new();
        let keys = keys.get(1..).unwrap_or_default();
        let numbered = self.owners.number(keys, rows.num_rows(), &mut owners);
        numbered.map_err(failed)?;
        self.sessions
            .resize_with(self.owners.len().max(self.sessions.len()), BTreeMap::new);
        let places = starts.values().iter().zip(ends.values());
        for ((start, end), (owner, group)) in places.zip(owners.iter().zip(groups)) {
            let (start, end, group) = (*start, *end, *group);
            let Some(own) = self.sessions.get_mut(*owner) else {
                continue;
            };
            if let Some(before) = own.insert(start, Session { end, group }) {
                self.ends.remove(&(before.end, *owner, start));
            }
            self.ends.insert((end, *owner, start));
        }
        Ok(owners)
    }

    /// Takes out sessions that start before the one before them has ended; answers their groups,
    /// and for each the start of the session that it is now in.
    fn meet(&mut self, owners: &BTreeSet<usize>) -> (Vec<usize>, Vec<i64>) {
        let (mut absorbed, mut into) = (Vec::new(), Vec::new());
        for owner in owners {
            let Some(own) = self.sessions.get_mut(*owner) else {
                continue;
            };
            let mut now: Option<(i64, i64)> = None;
            let mut gone = Vec::new();
            for (start, session) in own.iter() {
                match &mut now {
                    Some((first, end)) if *start <= *end => {
                        *end = (*end).max(session.end);
                        gone.push(*start);
                        absorbed.push(session.group);
                        into.push(*first);
                    }
                    _ => now = Some((*start, session.end)),
                }
            }
            for start in gone {
                if let Some(session) = own.remove(&start) {
                    self.ends.remove(&(session.end, *owner, start));
                }
            }
        }
        (absorbed, into)
    }

    fn emit(&self, groups: &[usize], mode: Mode, out: &mut dyn Collector) -> Result<()> {
        let Some(port) = self.modes.iter().position(|own| *own == mode) else {
            return Ok(());
        };
        for groups in groups.chunks(crate::MAX_ROWS) {
            let rows = self.groups.gather(groups)?;
            self.groups
                .results(&rows, |rows| out.emit(port, Batch::without_origin(rows)))?;
        }
        Ok(())
    }

    fn is_over(&self, end: i64) -> bool {
        self.watermark != Watermark::NONE && end <= self.watermark.time
    }

    /// Takes out the sessions that are closed; answers their groups, the first to end first.
    fn close(&mut self) -> Vec<usize> {
        let mut closed = Vec::new();
        while let Some((end, owner, start)) = self.ends.first().copied() {
            // A session that goes on holds a row that is not closed: only ends count.
            if !self.is_over(end) {
                break;
            }
            self.ends.pop_first();
            let own = self.sessions.get_mut(owner);
            let session = own.and_then(|own| own.remove(&start));
            closed.extend(session.map(|session| session.group));
        }
        self.dead += closed.len();
        closed
    }

    /// Writes the memory anew, once half of it is dead.
    fn forget(&mut self) -> Result<()> {
        let alive = self.ends.len();
        if self.dead < alive.max(MIN_DEAD) && !(alive == 0 && self.dead > 0) {
            return Ok(());
        }
        let groups: Vec<usize> = self
            .sessions
            .iter()
            .flat_map(BTreeMap::values)
            .map(|session| session.group)
            .collect();
        let pieces = groups.chunks(PIECE_GROUPS);
        let pieces: Vec<RecordBatch> = pieces
            .map(|piece| self.groups.gather(piece))
            .collect::<Result<_>>()?;
        let numbers = self.groups.replace(pieces.clone())?;
        self.dead = 0;
        self.sessions.clear();
        self.ends.clear();
        self.owners.take().map_err(failed)?;
        for (rows, numbers) in pieces.iter().zip(numbers) {
            self.place(rows, &numbers)?;
        }
        Ok(())
    }
}

impl Operator for SessionAggregate {
    fn process(&mut self, _input: usize, batch: Batch, _out: &mut dyn Collector) -> Result<()> {
        if batch.rows() == 0 {
            return Ok(());
        }
        let first = min(&times(batch.columns(), self.groups.aggregate().keys())?);
        self.came = self.came.into_iter().chain(first).min();
        self.groups.merge(batch.columns())
    }

    fn watermark(&mut self, watermark: Watermark, out: &mut dyn Collector) -> Result<()> {
        let now = self.watermark.join(watermark);
        if now == self.watermark || !self.closes {
            return Ok(());
        }
        let first = self.ends.first().map(|(end, ..)| *end);
        if first.into_iter().chain(self.came).all(|end| end > now.time) {
            self.watermark = now;
            return Ok(());
        }
        self.absorb()?;
        self.watermark = now;
        if self.has(Mode::Complete) {
            return Ok(());
        }
        let closed = self.close();
        self.emit(&closed, Mode::Append, out)?;
        self.groups.remove(&closed);
        self.forget()
    }

    fn end_epoch(&mut self, epoch: &Epoch, out: &mut dyn Collector) -> Result<()> {
        self.absorb()?;
        self.has_ended = true;
        if self.has(Mode::Complete) {
            let sessions = self.sessions.iter().flat_map(BTreeMap::values);
            let groups: Vec<usize> = sessions.map(|session| session.group).collect();
            self.emit(&groups, Mode::Complete, out)?;
        }
        self.groups.end_epoch(epoch.number)
    }

    fn state(&self) -> Option<StateShape> {
        shape(self.groups.aggregate())
    }

    fn forgotten_below(&self) -> Option<i64> {
        match self.watermark {
            Watermark::NONE => None,
            _ if self.has(Mode::Complete) => None,
            Watermark::END => Some(i64::MAX),
            watermark => Some(watermark.time.saturating_add(1)),
        }
    }

    fn held(&self) -> Vec<Held> {
        if !self.closes || self.has(Mode::Complete) {
            return vec![Held::for_ever("sessions", self.ends.len())];
        }
        let starts = self.ends.iter().map(|(_, _, start)| *start);
        let ends = self.ends.iter().map(|(end, _, _)| *end);
        vec![Held {
            oldest: starts.min(),
            ..Held::until("sessions", ends, 0)
        }]
    }

    fn take_changes(&mut self) -> Result<Option<RecordBatch>> {
        let Some(shape) = self.state() else {
            return Ok(None);
        };
        let changed = std::mem::take(&mut self.changed);
        if self.forgotten_below() == Some(i64::MAX) {
            return Ok(None);
        }
        let mut batches = Vec::new();
        for put in &changed {
            let rows = self.groups.changes(put)?;
            let mut columns = rows.columns().to_vec();
            let end = columns.get(BEFORE_KEY + self.groups.aggregate().keys());
            let end = end.cloned();
            let end = end.ok_or_else(|| Error::internal("a session has no end"))?;
            columns.insert(BEFORE_KEY, end);
            let count = rows.num_rows();
            batches.push(record_batch(&shape.schema, columns, count).map_err(failed)?);
        }
        if batches.is_empty() {
            return Ok(None);
        }
        Ok(Some(concat_batches(&shape.schema, &batches)?))
    }

    fn restore(&mut self, rows: &[RecordBatch]) -> Result<()> {
        let aggregate = self.groups.aggregate().clone();
        if let Some(rows) = self.latest(&aggregate, rows)? {
            let numbers = self.groups.put(rows.clone())?;
            self.place(&rows, &numbers)?;
        }
        Ok(())
    }

    fn formers(&self) -> Vec<StateShape> {
        let formers = formers(self.groups.aggregate()).unwrap_or_default();
        let formers = formers.iter();
        formers
            .filter_map(|former| shape(former.aggregate()))
            .collect()
    }

    fn convert(&mut self, former: usize, rows: &[RecordBatch]) -> Result<()> {
        let mut former = Former::of(self.groups.aggregate(), former)?;
        if let Some(rows) = self.latest(former.aggregate(), rows)? {
            let put = self.groups.adopt(former.convert(&rows)?)?;
            self.place(&put.rows, &put.groups)?;
            self.changed.push(put);
        }
        Ok(())
    }
}

impl SessionAggregate {
    /// The sessions that rows of state of `aggregate`, which has the same keys, make, as keys and
    /// states.
    fn latest(
        &mut self,
        aggregate: &Aggregate,
        rows: &[RecordBatch],
    ) -> Result<Option<RecordBatch>> {
        let Some(shape) = shape(aggregate) else {
            return Ok(None);
        };
        let pieces = last_rows(&shape, rows)?;
        let Some(first) = pieces.first() else {
            return Ok(None);
        };
        let all = concat_batches(&first.schema(), &pieces)?;
        let living = self.living(&all)?;
        let rows = arrow::compute::take_record_batch(&all, &living)?;
        let own = rows.columns().get(BEFORE_KEY + 1..).unwrap_or_default();
        let state = aggregate.state().clone();
        Ok(Some(RecordBatch::try_new(state, own.to_vec())?))
    }

    /// The rows of state that are not within others of the same owner, nor what these were.
    fn living(&mut self, rows: &RecordBatch) -> Result<UInt64Array> {
        let (ends, starts) = (times(rows, BEFORE_KEY)?, times(rows, BEFORE_KEY + 1)?);
        let keys = BEFORE_KEY + 2..BEFORE_KEY + 1 + self.groups.aggregate().keys();
        let keys = rows.columns().get(keys).unwrap_or_default();
        let mut owners = Vec::new();
        let numbered = self.owners.number(keys, rows.num_rows(), &mut owners);
        numbered.map_err(failed)?;
        // What is closed was given, and says nothing of sessions that came after.
        let is_open = |row: &usize| self.has(Mode::Complete) || !self.is_over(ends.value(*row));
        let mut order: Vec<usize> = (0..rows.num_rows()).filter(is_open).collect();
        let place = |row: &usize| {
            let owner = owners.get(*row).copied().unwrap_or_default();
            // Of two with the same start the one that ends later is what the other has become.
            (
                owner,
                starts.value(*row),
                std::cmp::Reverse(ends.value(*row)),
            )
        };
        order.sort_by_key(place);
        let mut last: Option<(usize, i64)> = None;
        order.retain(|row| {
            let (owner, start, end) = place(row);
            match last {
                Some((of, until)) if of == owner && start <= until => false,
                _ => {
                    last = Some((owner, end.0));
                    true
                }
            }
        });
        order.sort_unstable();
        Ok(order.into_iter().map(|row| row as u64).collect())
    }
}

/// What the rows of sessions are. The end of one comes before its start, so that a closed one is
/// known by it. What was put of a session before it grew stays: a session that starts within
/// another is none.
fn shape(aggregate: &Aggregate) -> Option<StateShape> {
    let mut shape = state::shape(aggregate);
    let mut fields = shape.schema.fields().to_vec();
    let end = fields.get(BEFORE_KEY + aggregate.keys())?;
    let end = end.as_ref().clone().with_name("_end");
    fields.insert(BEFORE_KEY, Arc::new(end));
    shape.schema = Arc::new(Schema::new(fields));
    shape.keys += 1;
    Some(shape)
}

/// Rows of keys and states with other starts.
fn started(rows: &RecordBatch, starts: &[i64]) -> Result<RecordBatch> {
    let starts = TimestampMicrosecondArray::from(starts.to_vec()).with_timezone("UTC");
    let mut columns: Vec<ArrayRef> = vec![Arc::new(starts)];
    columns.extend(rows.columns().iter().skip(1).cloned());
    Ok(RecordBatch::try_new(rows.schema(), columns)?)
}

fn times(rows: &RecordBatch, column: usize) -> Result<TimestampMicrosecondArray> {
    let column = rows.columns().get(column);
    let column = column.ok_or_else(|| Error::internal("a session has no times"))?;
    Ok(timestamps(column)?.clone())
}
