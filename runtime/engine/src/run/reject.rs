//! What becomes of rows that a node rejects.

use azud_connect::whole_row_json;
use azud_model::{Batch, Error, Partition, Rejected};

/// What a node does with a row that it rejects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnReject {
    /// Somebody reads `<node>.rejected`.
    Deliver,
    /// `on_error: drop`: counted, and gone.
    Drop,
    /// `on_error: stop`, the default: the pipeline stops with the reason.
    Stop,
}

/// Most of a value that an error shows.
const SHOWN_BYTES: usize = 200;

/// A row of a batch as a rejected record.
pub(super) fn rejected_row(batch: &Batch, row: usize, reason: String) -> Rejected {
    let attempt = batch.origin().map_or(1, |origin| origin.attempt);
    let origin = batch.origin().filter(|origin| origin.partition.is_known());
    let position = origin.and_then(|origin| origin.positions.values().get(row));
    Rejected {
        value: Some(whole_row_json(batch.columns(), row)),
        source: origin.map(|origin| origin.partition.source.clone()),
        partition: origin.map(|origin| origin.partition.name.clone()),
        position: position.map(ToString::to_string),
        reason,
        attempt,
        ..Rejected::default()
    }
}

/// A record that could not be decoded.
pub(super) fn rejected_record(
    value: &[u8],
    partition: &Partition,
    position: u64,
    reason: String,
    attempt: i32,
) -> Rejected {
    Rejected {
        value: Some(value.to_vec()),
        source: Some(partition.source.clone()),
        partition: Some(partition.name.clone()),
        position: Some(position.to_string()),
        reason,
        attempt,
        ..Rejected::default()
    }
}

/// Tells of a dead letter that was rejected again by a node whose rejected rows nobody reads: it is
/// where it was, and nobody's pipeline stops over it.
pub(super) fn tell_replayed(rejected: &Rejected) {
    let (node, reason) = (&rejected.node, azud_sandbox::escaped(&rejected.reason));
    tracing::warn!(
        "node `{node}` rejected a row that was replayed: {reason}; nobody reads `{node}.rejected`, \
         and the dead letter stays as it was"
    );
}

/// The error that stops a pipeline because nobody reads the rejected row.
pub(super) fn stop(rejected: &Rejected) -> Error {
    let node = &rejected.node;
    let place = match (&rejected.source, &rejected.partition, &rejected.position) {
        (Some(source), Some(partition), Some(position)) => {
            format!(" (source `{source}`, {partition}, position {position})")
        }
        _ => String::new(),
    };
    let value = rejected.value.as_deref().unwrap_or_default();
    let shown = String::from_utf8_lossy(value.get(..SHOWN_BYTES).unwrap_or(value));
    let more = if value.len() > SHOWN_BYTES { "..." } else { "" };
    Error::data(format!(
        "node `{node}` rejected a row{place}: {}; the row: {}{more}; to go on without such rows, \
         read `{node}.rejected` in a sink, or write `on_error: drop` on the node",
        rejected.reason,
        azud_sandbox::escaped(&shown),
    ))
}
