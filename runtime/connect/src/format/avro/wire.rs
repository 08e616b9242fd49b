//! What stands before a record in a system with a schema registry.

/// How a record names the schema that it was written by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wire {
    /// A zero byte and an id of 4 bytes, big-endian: Confluent's.
    #[default]
    Confluent,
    /// A zero byte and an id of 8 bytes, big-endian: Apicurio's older one.
    Apicurio,
}

/// What such a record begins with.
const MAGIC: u8 = 0;

// === impl Wire ===

impl Wire {
    /// The id of the schema, and the record itself; or why there is none.
    ///
    /// # Errors
    /// A reason: the bytes are none of this form.
    pub fn split(self, record: &[u8]) -> Result<(u64, &[u8]), String> {
        let (magic, rest) = record
            .split_first()
            .ok_or("the record is empty: it names no schema")?;
        if *magic != MAGIC {
            return Err(format!(
                "the record does not begin with 0 and the id of a schema, but with {magic}: it was \
                 not written with a schema registry"
            ));
        }
        let split = match self {
            Self::Confluent => rest
                .split_first_chunk()
                .map(|(id, rest)| (u64::from(u32::from_be_bytes(*id)), rest)),
            Self::Apicurio => rest
                .split_first_chunk()
                .map(|(id, rest)| (u64::from_be_bytes(*id), rest)),
        };
        split.ok_or_else(|| "the record ends in the middle of the id of its schema".to_owned())
    }

    /// What goes before a record of that schema; `None` where the id has no room.
    pub fn prefix(self, id: u64) -> Option<Vec<u8>> {
        let mut prefix = vec![MAGIC];
        match self {
            Self::Confluent => prefix.extend(u32::try_from(id).ok()?.to_be_bytes()),
            Self::Apicurio => prefix.extend(id.to_be_bytes()),
        }
        Some(prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_before_a_record_is_found_again() {
        for (wire, id, prefix) in [
            (Wire::Confluent, 258, &[0, 0, 0, 1, 2][..]),
            (Wire::Apicurio, 258, &[0, 0, 0, 0, 0, 0, 0, 1, 2]),
        ] {
            assert_eq!(wire.prefix(id).unwrap(), prefix);
            let record = [prefix, b"rest"].concat();
            assert_eq!(wire.split(&record), Ok((id, &b"rest"[..])));
            assert!(wire.split(&prefix[..prefix.len() - 1]).is_err());
            assert!(wire.split(&[]).is_err());
            let reason = wire.split(b"{\"a\":1}").unwrap_err();
            assert!(reason.contains("but with 123"), "{reason}");
        }
        assert_eq!(Wire::Confluent.prefix(1 << 32), None);
    }
}
