//! A request, cut into what epochs take.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use azud_model::Error;
use azud_state::{KeptReplay, Refused, ReplayRow, Replayed};

use super::entering::enter;
use super::inlets::Inlets;
use super::{Given, Injection, Late};

/// So many rows an epoch takes at most, and so many bytes: it is to end soon.
const ROWS: usize = 4096;
const BYTES: usize = 8 << 20;

/// See the module.
pub(super) struct Pending {
    pub(super) number: u64,
    /// The ids of its rows.
    ids: Vec<String>,
    /// Those that are not given.
    pub(super) refused: Refused,
    pub(super) parts: VecDeque<Arc<Injection>>,
    /// So many of the rows are recorded.
    done: usize,
    /// What was late in their epochs.
    pub(super) late: Late,
}

// === impl Pending ===

impl Pending {
    /// The rows of a request but for those that are recorded. What was refused before stays so:
    /// whatever manifest comes next, it is known which rows were given.
    pub(super) fn new(inlets: &Inlets, request: KeptReplay) -> Self {
        let KeptReplay {
            number,
            rows,
            done,
            refused,
        } = request;
        let mut pending = Self {
            number,
            ids: rows.iter().map(|row| row.id.clone()).collect(),
            refused,
            parts: VecDeque::new(),
            done,
            late: Late::default(),
        };
        let mut from = done;
        while from < rows.len() {
            let to = from + part_of(rows.get(from..).unwrap_or_default());
            let given = pending.read(inlets, &rows, from..to);
            let after = Replayed {
                request: number,
                rows: to as u64,
            };
            let part = Injection { given, after };
            pending.parts.push_back(Arc::new(part));
            from = to;
        }
        pending
    }

    /// Rows that fitted when they were asked for, and do no more with another manifest, are told.
    fn read(&mut self, inlets: &Inlets, rows: &[ReplayRow], part: Range<usize>) -> Vec<Given> {
        let numbers: Vec<usize> = part.filter(|row| !self.refused.contains_key(row)).collect();
        let fresh: Vec<&ReplayRow> = numbers.iter().filter_map(|row| rows.get(*row)).collect();
        let (given, refused) = match enter(inlets, fresh.iter().copied()) {
            Ok(entering) => (entering.given, entering.refused),
            Err(error) => {
                let all = (0..fresh.len()).map(|row| (row, error.to_string()));
                (Vec::new(), all.collect())
            }
        };
        for (number, why) in refused {
            if let (Some(row), Some(number)) = (fresh.get(number), numbers.get(number)) {
                let (id, node) = (&row.id, &row.node);
                tracing::warn!("the dead letter {id} of `{node}` cannot be replayed: {why}");
                self.refused.insert(*number, why);
            }
        }
        given
    }

    /// The first part is recorded, with an epoch in which this was late.
    pub(super) fn pop(&mut self, late: Late) {
        for (node, rows) in late {
            *self.late.entry(node).or_default() += rows;
        }
        let rows = self.parts.pop_front().map(|part| part.after.rows);
        let rows = rows.and_then(|rows| usize::try_from(rows).ok());
        self.done = rows.unwrap_or(self.done);
    }

    /// What is refused of the request if the part that is the first now is; `None` if there is none.
    pub(super) fn aside(&self, error: &Error) -> Option<Refused> {
        let to = usize::try_from(self.parts.front()?.after.rows).ok()?;
        let mut refused = self.refused.clone();
        for row in self.done..to {
            refused.entry(row).or_insert_with(|| {
                format!("the pipeline failed on what came of the rows replayed with it: {error}")
            });
        }
        Some(refused)
    }

    /// How many rows are to be given.
    pub(super) fn rows(&self) -> usize {
        let given = self.parts.iter().flat_map(|part| &part.given);
        given.map(Given::rows).sum()
    }

    /// The ids of the rows that are not recorded yet.
    pub(super) fn left_ids(&self) -> impl Iterator<Item = String> + '_ {
        self.ids.iter().skip(self.done).cloned()
    }

    /// The ids of the rows that are given.
    pub(super) fn given_ids(&self) -> Vec<String> {
        let ids = self.ids.iter().enumerate();
        let given = ids.filter(|(row, _)| !self.refused.contains_key(row));
        given.map(|(_, id)| id.clone()).collect()
    }

    /// The ids of those that are not, and why.
    pub(super) fn refused_ids(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let refused = self.refused.iter();
        refused.filter_map(|(row, why)| Some((self.ids.get(*row)?.clone(), why.clone())))
    }
}

/// How many of these rows an epoch takes, at least one.
fn part_of(rows: &[ReplayRow]) -> usize {
    let mut bytes = 0;
    let fits = rows.iter().take(ROWS).take_while(|row| {
        bytes += row.value.len();
        bytes <= BYTES
    });
    fits.count().max(1)
}
