//! How far a file was read, in the form of a position's token.

use std::collections::HashMap;

use azud_model::{Error, Position, Result};
use serde::{Deserialize, Serialize};

/// The place after the last record that was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    /// Where a chunk of records starts that the next record lies in or behind: in the file, decompressed.
    pub(super) offset: u64,
    /// The number of the record at `offset`.
    pub(super) line: u64,
    /// The number of the next record.
    pub(super) next: u64,
    /// Whether the file was read to its end.
    pub(super) done: bool,
    /// The size that it had then, as it lies there; unless it changed meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<u64>,
}

// === impl Place ===

impl Place {
    pub(super) fn token(&self) -> String {
        // Four plain fields always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The number of the last record that was given, 0 if there was none.
    pub(super) fn last_line(&self) -> u64 {
        self.next.saturating_sub(1)
    }
}

/// The places of files by name. Of two of a file the one that is further: a
/// reader may have begun it after another one had spoken for it.
pub(super) fn read(positions: &[Position]) -> Result<HashMap<String, Place>> {
    let mut places: HashMap<String, Place> = HashMap::with_capacity(positions.len());
    for position in positions {
        let name = &position.partition.name;
        let place: Place = serde_json::from_str(&position.next).map_err(|error| {
            Error::invalid(format!(
                "file `{name}`: the recorded position `{}` cannot be read",
                position.next
            ))
            .because(error)
        })?;
        let further = |place: &Place| (place.done, place.next);
        let known = places.entry(name.clone()).or_insert(place);
        if further(known) < further(&place) {
            *known = place;
        }
    }
    Ok(places)
}
