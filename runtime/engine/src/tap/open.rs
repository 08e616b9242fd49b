//! Asking a run for its rows.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

use super::feed::Known;
use super::point::Point;
use super::taps::{LATE, Taps, node};
use super::{TAP_RATE, TAPS};
use crate::control::Control;
use crate::plan::Plan;

/// How much of what passes is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TapOptions {
    /// At most so many rows a second: 1 to [`TAP_RATE`]. A second's worth may come at once.
    pub rate: u32,
    /// The tap ends when so many rows are shown.
    pub limit: Option<u64>,
}

/// A row that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TappedRow {
    /// The row, as a JSON object.
    Row(String),
    /// A row that is too long to be shown.
    TooLong {
        /// What it takes.
        bytes: usize,
    },
}

/// Rows that pass a node, as they do; dropped, it leaves nothing behind in the lanes.
#[derive(Debug)]
pub struct Tap {
    taps: Arc<Taps>,
    point: Arc<Point>,
    known: Arc<Known>,
    rows: mpsc::Receiver<TappedRow>,
    limit: Option<u64>,
    shown: u64,
}

/// Why there is no tap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TapError {
    /// There is no such node, or no rows pass it.
    NoNode(String),
    /// It cannot be as fast.
    Rate,
    /// [`TAPS`] are open.
    TooMany,
    /// The pipeline has ended, or not yet begun.
    Ended,
}

// === impl Control ===

impl Control {
    /// Opens a tap of a node: what it gives, of a sink what it takes. `<node>.rejected` and
    /// `<node>.late` name its side outputs, also where nobody reads them. It goes on until it is
    /// dropped, the pipeline has ended, or has no such node any more. Blocks while a run is about to
    /// begin: not to be called by a thread of an async runtime.
    ///
    /// # Errors
    /// Why there is none.
    pub fn tap_and_wait(&self, name: &str, options: TapOptions) -> Result<Tap, TapError> {
        if !(1..=TAP_RATE).contains(&options.rate) {
            return Err(TapError::Rate);
        }
        let running = self.begun().ok_or(TapError::Ended)?;
        running.plan.may_tap(name)?;
        self.taps().open(name, options)
    }
}

// === impl Plan ===

impl Plan {
    /// # Errors
    /// `NoNode`, which lists those that are there.
    fn may_tap(&self, name: &str) -> Result<(), TapError> {
        let is_table = |number: usize| self.tables.iter().any(|table| table.node == number);
        let nodes = self.nodes.iter().map(|node| &*node.name).enumerate();
        let (tables, nodes): (Vec<_>, Vec<_>) = nodes.partition(|(number, _)| is_table(*number));
        let has = |nodes: &[(usize, &str)]| nodes.iter().any(|(_, of)| *of == node(name));
        if has(&nodes) {
            return self.may_tap_late(name);
        }
        let names = nodes.iter().map(|(_, name)| format!("`{name}`"));
        let names = names.collect::<Vec<_>>().join(", ");
        let asked = azud_sandbox::escaped(node(name));
        Err(TapError::NoNode(match has(&tables) {
            true => format!(
                "`{asked}` is a table: it is read whole, and no rows pass it; there are {names}"
            ),
            false => format!(
                "no node `{asked}`: there are {names}, and of each NODE.rejected, and NODE.late where rows can be late"
            ),
        }))
    }

    /// # Errors
    /// `NoNode` where late rows are asked for, and none can come.
    fn may_tap_late(&self, name: &str) -> Result<(), TapError> {
        let Some(asked) = name.strip_suffix(LATE) else {
            return Ok(());
        };
        let mut late = self.nodes.iter().filter(|node| node.has_late);
        if late.any(|node| &*node.name == asked) {
            return Ok(());
        }
        let late = self.nodes.iter().filter(|node| node.has_late);
        let late: Vec<String> = late.map(|node| format!("`{}`", node.name)).collect();
        let there = match late.is_empty() {
            true => "no node of this pipeline has them".to_owned(),
            false => format!("those of {} are", late.join(", ")),
        };
        Err(TapError::NoNode(format!(
            "no row is late for `{asked}`: rows are late for windows, sessions, joins and timers of \
             event time (`time` of a source); {there}"
        )))
    }
}

// === impl Tap ===

impl Tap {
    pub(super) fn new(
        taps: Arc<Taps>,
        point: Arc<Point>,
        known: Arc<Known>,
        rows: mpsc::Receiver<TappedRow>,
        options: TapOptions,
    ) -> Self {
        Self {
            taps,
            point,
            known,
            rows,
            limit: options.limit,
            shown: 0,
        }
    }

    /// The next row; `None` at the end, see [`Self::why`]. May be dropped half-way: no row is lost.
    pub async fn next(&mut self) -> Option<TappedRow> {
        if self.is_done() {
            return None;
        }
        let row = self.rows.recv().await?;
        Some(self.show(row))
    }

    /// The same without waiting; `None` where there is none now.
    #[cfg(test)]
    pub(super) fn now(&mut self) -> Option<Option<TappedRow>> {
        if self.is_done() {
            return Some(None);
        }
        let row = self.rows.try_recv().ok()?;
        Some(Some(self.show(row)))
    }

    fn show(&mut self, row: TappedRow) -> TappedRow {
        self.known.waiting.fetch_sub(row.bytes(), Ordering::Relaxed);
        self.shown += 1;
        row
    }

    fn is_done(&self) -> bool {
        self.limit.is_some_and(|limit| self.shown >= limit)
    }

    /// Rows that [`Self::next`] has given.
    pub fn shown(&self) -> u64 {
        self.shown
    }

    /// Rows that have passed, shown or not.
    pub fn passed(&self) -> u64 {
        self.known.passed.load(Ordering::Relaxed)
    }

    /// Why it has ended.
    pub fn why(&self) -> Option<&str> {
        match self.is_done() {
            true => Some("all rows that were asked for are shown"),
            false => self.known.why.get().map(String::as_str),
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.taps.close(&self.point, &self.known);
    }
}

// === impl TappedRow ===

impl TappedRow {
    /// What it takes while it waits.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Row(json) => json.len(),
            Self::TooLong { .. } => 0,
        }
    }
}

// === impl TapError ===

impl fmt::Display for TapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNode(why) => f.write_str(why),
            Self::Rate => write!(f, "a tap shows 1 to {TAP_RATE} rows a second"),
            Self::TooMany => write!(f, "{TAPS} taps are open already: end one, and ask again"),
            Self::Ended => f.write_str("the pipeline does not run"),
        }
    }
}

impl std::error::Error for TapError {}
