//! What a keyed plugin answers: nothing of it is trusted.

use crate::{
    GuestError, Rejected, bindings::keyed::exports::azud::plugin::keyed as wit, boundary, log,
};

use super::{
    opened::Opened,
    work::{EVENT_TIME, KeyedAnswer, KeyedChange, OwnedRows, PROCESSING_TIME, Timers},
};

/// What a call was given, as far as its answer must fit it.
#[derive(Clone, Copy)]
pub(crate) struct Given {
    pub(crate) keys: usize,
    pub(crate) rows: usize,
    /// The most bytes of a reason.
    pub(crate) reason: usize,
    /// The most bytes of an answer.
    pub(crate) output: usize,
}

pub(crate) fn check(
    answer: wit::Answer,
    opened: &Opened,
    given: Given,
) -> Result<KeyedAnswer, GuestError> {
    let wit::Answer {
        output,
        rejected,
        changes,
        deleted,
        set,
    } = answer;
    // Rows without a byte of their own cost something here as well.
    let put = changes.iter().map(|change| change.put.rows.rows as usize);
    let rows = put.sum::<usize>().saturating_add(output.rows as usize);
    if rows.saturating_mul(4) > given.output {
        return Err(GuestError::Output {
            limit: given.output,
        });
    }
    if changes.len() != opened.states.len() {
        return Err(GuestError::invalid(format!(
            "changes of {} states, and `open` has named {}",
            changes.len(),
            opened.states.len()
        )));
    }
    let states = opened.states.iter().zip(&opened.entries);
    let changes = changes
        .into_iter()
        .zip(states)
        .map(|(change, (state, entry))| {
            let what = |what: &str| format!("{what} of state `{}`", state.name);
            Ok(KeyedChange {
                cleared: groups(&change.cleared, given.keys, None, &what("`cleared`"))?,
                removed: owned(change.removed, entry, given.keys, &what("`removed`"))?,
                put: owned(change.put, &state.columns, given.keys, &what("`put`"))?,
            })
        });
    Ok(KeyedAnswer {
        changes: changes.collect::<Result<_, GuestError>>()?,
        output: boundary::batch(output, &opened.output)?,
        rejected: reject(rejected, given)?,
        deleted: timers(&deleted, opened, given.keys, "`deleted`")?,
        set: timers(&set, opened, given.keys, "`set`")?,
    })
}

fn owned(
    owned: wit::OwnedResult,
    schema: &arrow::datatypes::SchemaRef,
    keys: usize,
    what: &str,
) -> Result<OwnedRows, GuestError> {
    let rows = boundary::batch(owned.rows, schema)?;
    let groups = groups(&owned.groups, keys, Some(rows.num_rows()), what)?;
    Ok(OwnedRows { rows, groups })
}

/// Numbers of keys, so many where that is known.
fn groups(
    bytes: &[u8],
    keys: usize,
    count: Option<usize>,
    what: &str,
) -> Result<Vec<u32>, GuestError> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() || count.is_some_and(|count| count != numbers.len()) {
        return Err(GuestError::invalid(match count {
            Some(count) => format!("{what} has {} bytes of keys for {count} rows", bytes.len()),
            None => format!("{what} has {} bytes of keys", bytes.len()),
        }));
    }
    let numbers: Vec<u32> = numbers
        .iter()
        .map(|number| u32::from_le_bytes(*number))
        .collect();
    match numbers.iter().find(|number| **number as usize >= keys) {
        None => Ok(numbers),
        Some(number) => Err(GuestError::invalid(format!(
            "{what} names key {number} of {keys}"
        ))),
    }
}

fn timers(
    wire: &wit::TimersResult,
    opened: &Opened,
    keys: usize,
    what: &str,
) -> Result<Timers, GuestError> {
    let (times, rest) = wire.times.as_chunks::<8>();
    let groups = groups(&wire.groups, keys, Some(times.len()), what)?;
    if !rest.is_empty() || wire.kinds.len() != times.len() {
        return Err(GuestError::invalid(format!(
            "{what} has {} bytes of times and {} of kinds for {} timers",
            wire.times.len(),
            wire.kinds.len(),
            groups.len()
        )));
    }
    for kind in &wire.kinds {
        if !matches!(*kind, EVENT_TIME | PROCESSING_TIME) {
            return Err(GuestError::invalid(format!(
                "{what} has a timer of kind {kind}: 0 is event time, 1 processing time"
            )));
        }
        if *kind == EVENT_TIME && !opened.event_timers {
            return Err(GuestError::invalid(format!(
                "{what} has a timer of event time, and `open` has not said that there are any"
            )));
        }
    }
    Ok(Timers {
        groups,
        times: times.iter().map(|time| i64::from_le_bytes(*time)).collect(),
        kinds: wire.kinds.clone(),
    })
}

fn reject(
    wire: Vec<crate::bindings::azud::plugin::types::Rejected>,
    given: Given,
) -> Result<Vec<Rejected>, GuestError> {
    let mut seen = vec![false; given.rows];
    let mut rejected = Vec::with_capacity(wire.len().min(given.rows));
    for entry in wire {
        match seen.get_mut(entry.row as usize) {
            None => {
                return Err(GuestError::invalid(format!(
                    "row {} of an input of {} rows is rejected",
                    entry.row, given.rows
                )));
            }
            Some(true) => {
                return Err(GuestError::invalid(format!(
                    "row {} is rejected twice",
                    entry.row
                )));
            }
            Some(seen) => *seen = true,
        }
        rejected.push(Rejected {
            row: entry.row,
            reason: log::clean(&entry.reason, given.reason),
        });
    }
    Ok(rejected)
}
