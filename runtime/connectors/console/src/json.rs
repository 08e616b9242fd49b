//! JSON lines wait for their commit: in memory, and beyond 1 MiB in a temporary file.

use std::collections::BTreeMap;
use std::io::{Seek, Write};
use std::sync::{Mutex, PoisonError};

use azud_model::{Error, Result};
use tempfile::{SpooledTempFile, spooled_tempfile};

const IN_MEMORY: usize = 1 << 20;

/// What each lane prepared for an epoch and has not been shown.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Mutex<BTreeMap<(u64, usize), SpooledTempFile>>);

/// What a lane wrote since the last `prepare`.
#[derive(Debug)]
pub(crate) struct Lines(SpooledTempFile);

// === impl Lines ===

impl Default for Lines {
    fn default() -> Self {
        Self(spooled_tempfile(IN_MEMORY))
    }
}

impl Lines {
    /// # Errors
    /// `Invalid`: some of the bytes may have been written, so trying again could write them twice.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write_all(bytes).map_err(|error| {
            Error::invalid(
                "console: cannot keep an epoch's rows in a temporary file: make room for it, or \
                 set TMPDIR to a folder that has some",
            )
            .because(error)
        })
    }
}

// === impl Waiting ===

impl Waiting {
    pub(crate) fn put(&self, epoch: u64, lane: usize, lines: Lines) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert((epoch, lane), lines.0);
    }

    pub(crate) fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Copies the lines of an epoch, lane by lane, and forgets them.
    pub(crate) fn write(&self, epoch: u64, out: &mut dyn Write) -> std::io::Result<()> {
        let lanes: Vec<_> = {
            let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let later = waiting.split_off(&(epoch + 1, 0));
            std::mem::replace(&mut *waiting, later)
                .into_iter()
                .collect()
        };
        for ((number, _), mut lines) in lanes {
            if number == epoch {
                lines.rewind()?;
                std::io::copy(&mut lines, out)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some of the bytes may have been written: trying again could write them twice.
    #[test]
    fn a_temporary_file_that_fails_is_not_tried_again() {
        let home = tempfile::tempdir().unwrap();
        let nowhere = home.path().join("nowhere");
        let mut lines = Lines(tempfile::spooled_tempfile_in(4, nowhere));
        lines.add(b"abc\n").unwrap();
        let error = lines.add(b"d\n").unwrap_err();
        assert_eq!(error.kind(), azud_model::ErrorKind::Invalid);
        let expected = "console: cannot keep an epoch's rows in a temporary file: make room for \
                        it, or set TMPDIR to a folder that has some: ";
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}
