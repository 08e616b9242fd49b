//! What two versions of a plugin make of the same call.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use azud_model::{Clock, Result, SystemClock};
use azud_sandbox::{Aggregate, GuestError, Keyed, Processed, Rows, Transform};

use crate::swap::{Compared, Example, InLane, Job, Shadow};

/// As much of a row as an example shows, in characters.
const SHOWN: usize = 300;

/// A call that another version is to make, too.
pub(super) struct Beside<T> {
    shadow: Arc<Shadow<T>>,
    /// Runs while the version that serves makes the call.
    clock: SystemClock,
}

/// The answer of the version that serves, and what it took.
struct Served<A> {
    answer: Result<A, String>,
    took: Duration,
    memory: usize,
}

/// A plugin that is called beside another version.
pub(super) trait Shadowed: Send + 'static {
    /// Bytes of memory that its instance has.
    fn memory(&self) -> usize;
}

impl Shadowed for Transform {
    fn memory(&self) -> usize {
        Self::memory(self)
    }
}

impl Shadowed for Keyed {
    fn memory(&self) -> usize {
        Self::memory(self)
    }
}

impl Shadowed for Aggregate {
    fn memory(&self) -> usize {
        Self::memory(self)
    }
}

// === impl Beside ===

impl<T: Shadowed> Beside<T> {
    /// The call that is about to be made; `None` where no other version runs beside this one, or it
    /// has enough of them. With a deadline it is one of the search for a bad row, which would be
    /// another one with another version.
    pub(super) fn of(plugin: &InLane<T>, deadline: Option<Duration>) -> Option<Self> {
        let shadow = plugin.shadow().filter(|_| deadline.is_none())?;
        shadow.has_room().then(|| Self {
            shadow,
            clock: SystemClock::new(),
        })
    }

    /// It was made by `plugin`, with this answer: the other version makes it with `call`, and the
    /// answers are compared. `rows` are what is counted.
    pub(super) fn offer<A: Clone + Send + 'static>(
        self,
        plugin: &T,
        answer: &Result<A, GuestError>,
        rows: usize,
        call: impl FnOnce(&mut T) -> Result<A, GuestError> + Send + 'static,
        compare: impl FnOnce(&A, &A, &mut Compared) + Send + 'static,
    ) {
        let served = Served {
            took: self.clock.elapsed(),
            answer: answer.clone().map_err(|error| error.to_string()),
            memory: plugin.memory(),
        };
        self.shadow.offer(job(served, rows, call, compare));
    }
}

fn job<T: Shadowed, A: Send + 'static>(
    served: Served<A>,
    rows: usize,
    call: impl FnOnce(&mut T) -> Result<A, GuestError> + Send + 'static,
    compare: impl FnOnce(&A, &A, &mut Compared) + Send + 'static,
) -> Job<T> {
    Box::new(move |plugin, compared| {
        let clock = SystemClock::new();
        let answer = call(plugin);
        let took = clock.elapsed();
        let micros = |took: Duration| u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        match (served.answer, answer) {
            (Err(_), _) => compared.failed_before = 1,
            (Ok(before), Ok(now)) => {
                compared.calls = 1;
                compared.rows = rows as u64;
                compared.micros = [micros(served.took), micros(took)];
                compared.memory = [served.memory as u64, plugin.memory() as u64];
                compare(&before, &now, compared);
            }
            (Ok(_), Err(error)) => failed(&error, rows, compared),
        }
    })
}

fn failed(error: &GuestError, rows: usize, compared: &mut Compared) {
    compared.failed = 1;
    compared.failed_rows = rows as u64;
    compared.examples.push(Example {
        now: cut(&error.to_string()),
        ..Example::default()
    });
}

/// Something of which the new version makes something else.
pub(super) fn differs(
    compared: &mut Compared,
    row: impl FnOnce() -> String,
    before: &str,
    now: &str,
) {
    compared.differ += 1;
    if compared.wants_examples() {
        compared.examples.push(Example {
            row: cut(&row()),
            before: cut(before),
            now: cut(now),
        });
    }
}

/// What two versions of a transform make of the same rows.
pub(super) fn compare(
    rows: &RecordBatch,
    before: &Processed,
    now: &Processed,
    compared: &mut Compared,
) {
    let same =
        before.output == now.output && before.rows == now.rows && before.rejected == now.rejected;
    if same {
        return;
    }
    let count = rows.num_rows();
    let both = made(before, count).zip(made(now, count));
    let Some((before, now)) = both else {
        // Of no row in particular: all that is known is that they are others.
        compared.differ = count as u64;
        return;
    };
    for (row, (before, now)) in before.into_iter().zip(now).enumerate() {
        if before != now {
            differs(compared, || text(rows, row), &shown(&before), &shown(&now));
        }
    }
}

/// What two versions of an aggregate make of the same groups: a row each.
pub(super) fn compare_groups(
    given: impl Fn(usize) -> String,
    before: &RecordBatch,
    now: &RecordBatch,
    compared: &mut Compared,
) {
    if before == now {
        return;
    }
    for group in 0..before.num_rows().min(now.num_rows()) {
        let [before, now] = [before, now].map(|rows| text(rows, group));
        if before != now {
            differs(compared, || given(group), &before, &now);
        }
    }
}

/// What was made of each row, as texts; `None` where that is not known.
fn made(processed: &Processed, count: usize) -> Option<Vec<Vec<String>>> {
    let mut made = vec![Vec::new(); count];
    for rejected in &processed.rejected {
        let of = made.get_mut(rejected.row as usize)?;
        of.push(format!("rejected: {}", rejected.reason));
    }
    for row in 0..processed.output.num_rows() {
        let from = match &processed.rows {
            Rows::Identity => row,
            Rows::Indices(rows) => *rows.values().get(row)? as usize,
            Rows::Unrelated => return None,
        };
        made.get_mut(from)?.push(text(&processed.output, row));
    }
    Some(made)
}

pub(super) fn shown(made: &[String]) -> String {
    match made {
        [] => "nothing".to_owned(),
        made => made.join("; "),
    }
}

/// `user: ana, amount: 51`.
pub(super) fn text(rows: &RecordBatch, row: usize) -> String {
    let options = FormatOptions::default().with_null("null");
    let mut text = String::new();
    for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
        let comma = if text.is_empty() { "" } else { ", " };
        let value = ArrayFormatter::try_new(column.as_ref(), &options)
            .and_then(|formatter| formatter.value(row).try_to_string());
        let value = value.unwrap_or_else(|error| error.to_string());
        // Writing to a text cannot fail.
        let _ = write!(text, "{comma}{}: {value}", field.name());
    }
    text
}

fn cut(text: &str) -> String {
    let mut cut: String = text.chars().take(SHOWN).collect();
    if cut.len() < text.len() {
        cut.push_str("...");
    }
    cut
}
