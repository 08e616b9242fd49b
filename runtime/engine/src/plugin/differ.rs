//! What two versions of a plugin make of the same call.

mod alone;

use std::fmt::Write as _;
use std::ops::Range;
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

/// A call that both versions make.
pub(super) trait Call<T>: Send + Sized + 'static {
    /// What it is answered with.
    type Answer: Clone + Send + 'static;

    /// How many rows it has.
    fn rows(&self) -> usize;

    /// Makes it.
    fn make(&self, plugin: &mut T) -> Result<Self::Answer, GuestError>;

    /// What is different in two answers.
    fn compare(&self, before: &Self::Answer, now: &Self::Answer, compared: &mut Compared);

    /// A call with some of its rows; `None` where there is no such call.
    fn part(&self, _: Range<usize>) -> Option<Self> {
        None
    }

    /// A row, and what the version that serves made of it: empty where that is not known of the row
    /// alone.
    fn row(&self, _: usize, _: &Self::Answer) -> (String, String) {
        Default::default()
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

    /// It was made by `plugin`, with this answer: the other version makes `call`, and the answers are
    /// compared.
    pub(super) fn offer<C: Call<T>>(
        self,
        plugin: &T,
        answer: &Result<C::Answer, GuestError>,
        call: C,
    ) {
        let served = Served {
            took: self.clock.elapsed(),
            answer: answer.clone().map_err(|error| error.to_string()),
            memory: plugin.memory(),
        };
        self.shadow.offer(job(served, call));
    }
}

fn job<T: Shadowed, C: Call<T>>(served: Served<C::Answer>, call: C) -> Job<T> {
    Box::new(move |plugin, seeks| {
        let mut compared = Compared::default();
        let clock = SystemClock::new();
        let answer = call.make(plugin);
        let took = clock.elapsed();
        let micros = |took: Duration| u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        match (served.answer, answer) {
            (Err(_), _) => compared.failed_before = 1,
            (Ok(before), Ok(now)) => {
                compared.calls = 1;
                compared.rows = call.rows() as u64;
                compared.micros = [micros(served.took), micros(took)];
                compared.memory = [served.memory as u64, plugin.memory() as u64];
                call.compare(&before, &now, &mut compared);
            }
            (Ok(before), Err(error)) => {
                compared.failed = 1;
                compared.failed_rows = call.rows() as u64;
                let seeks = seeks && alone::is_of_rows(&error);
                let found = seeks.then(|| alone::alone(plugin, &call)).flatten();
                let (row, before, error) = match found {
                    Some((row, error)) => {
                        let (row, before) = call.row(row, &before);
                        (row, before, error)
                    }
                    None => (String::new(), String::new(), error),
                };
                compared.examples.push(Example {
                    row: cut(&row),
                    before: cut(&before),
                    now: cut(&error.to_string()),
                    failed: true,
                });
            }
        }
        compared
    })
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
            failed: false,
        });
    }
}

/// Rows that a transform is given.
pub(super) struct TransformCall {
    pub(super) rows: RecordBatch,
}

impl Call<Transform> for TransformCall {
    type Answer = Processed;

    fn rows(&self) -> usize {
        self.rows.num_rows()
    }

    fn make(&self, transform: &mut Transform) -> Result<Processed, GuestError> {
        transform.process(&self.rows)
    }

    fn part(&self, rows: Range<usize>) -> Option<Self> {
        Some(Self {
            rows: self.rows.slice(rows.start, rows.len()),
        })
    }

    fn compare(&self, before: &Processed, now: &Processed, compared: &mut Compared) {
        compare(&self.rows, before, now, compared);
    }

    fn row(&self, row: usize, before: &Processed) -> (String, String) {
        let made = made(before, self.rows.num_rows());
        let before = made.as_ref().and_then(|made| made.get(row));
        let before = before.map_or(String::new(), |before| shown(before));
        (text(&self.rows, row), before)
    }
}

/// What two versions of a transform make of the same rows.
fn compare(rows: &RecordBatch, before: &Processed, now: &Processed, compared: &mut Compared) {
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
