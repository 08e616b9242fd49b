//! What stands in the log where the next epoch of a new owner will be recorded.
//!
//! `{"claim":3}` in `epochs/<number>.json`: no owner before generation 3 can write there any
//! more, and generation 3 replaces it by its record. On a disk the lock does that.

use azud_model::{Error, Result};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Bytes of a claim, at most: the digits of a `u64` and the rest.
pub(crate) const LONGEST: u64 = 32;

/// An epoch that a generation will record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claim {
    pub(crate) claim: u64,
}

// === impl Claim ===

impl Claim {
    /// The claim that these bytes are, unless they are something else.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    pub(crate) fn to_bytes(self) -> Result<Bytes> {
        let mut bytes =
            serde_json::to_vec(&self).map_err(|error| Error::internal("a claim").because(error))?;
        bytes.push(b'\n');
        Ok(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_from_a_record_by_its_length_too() {
        let longest = Claim { claim: u64::MAX };
        let bytes = longest.to_bytes().unwrap();
        assert!(bytes.len() as u64 <= LONGEST);
        assert_eq!(Claim::of(&bytes), Some(longest));
        let other = br#"{"claim":1,"epoch":2}"#;
        assert_eq!(Claim::of(other), None);
        let epoch = azud_model::Epoch {
            number: 0,
            time_ms: 0,
            input_rows: 0,
            last: false,
        };
        let record = crate::Record::new("", "", 0, &epoch).to_bytes().unwrap();
        assert!(record.len() as u64 > LONGEST);
        assert_eq!(Claim::of(&record), None);
    }
}
