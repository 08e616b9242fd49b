//! The commit of the recorded epoch of a run that comes back: any part of it
//! may be done, or all of it, and files that were still open end with it.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

use azud_model::{Error, Result};

use super::paths::Paths;
use super::staged::Finished;

/// What is made visible again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Again<'a> {
    pub(super) node: &'a str,
    pub(super) run: &'a str,
    pub(super) epoch: u64,
    pub(super) tokens: &'a [Finished],
    /// Whether the run may go on without files that are gone.
    pub(super) allow_reset: bool,
}

// === impl Again ===

impl Again<'_> {
    /// A file was recorded, and is nowhere.
    ///
    /// # Errors
    /// `Invalid`, unless that was allowed.
    pub(super) fn gone(&self, paths: &Paths, file: &Finished) -> Result<()> {
        let Self { node, epoch, .. } = self;
        let (given, staging) = (&paths.given, paths.staging.display());
        let what = format!(
            "`{}`, {} rows that epoch {epoch} recorded for `{given}`, is neither there nor in \
             `{staging}`",
            file.name, file.rows
        );
        if self.allow_reset {
            tracing::warn!("sink `{node}`: {what}: the run goes on without them");
            return Ok(());
        }
        Err(Error::invalid(format!(
            "{what}: bring the folder back as it was, or go on without them with \
             `--allow-reset {node}`"
        )))
    }
}

// === impl Paths ===

impl Paths {
    /// Whether a file is there with all its recorded bytes, and no more: what
    /// follows them was never recorded, and is cut off.
    ///
    /// # Errors
    /// `InvalidData` if it has fewer: the disk did not keep what it had promised.
    pub(super) fn has(&self, path: &Path, file: &Finished) -> io::Result<bool> {
        let Some(bytes) = Self::length(path)? else {
            return Ok(false);
        };
        if bytes < file.bytes {
            let reason = format!(
                "`{}` has {bytes} bytes, and {} were recorded: the disk has lost some",
                path.display(),
                file.bytes
            );
            return Err(io::Error::new(ErrorKind::InvalidData, reason));
        }
        if bytes > file.bytes {
            self.steps.cut(path, file.bytes)?;
        }
        Ok(true)
    }
}

/// Whether a file has exactly the first `bytes` of another one.
pub(super) fn is_copy(copy: &Path, of: &Path, bytes: u64) -> io::Result<bool> {
    if Paths::length(copy)? != Some(bytes) {
        return Ok(false);
    }
    let open = |path| -> io::Result<_> { Ok(BufReader::new(File::open(path)?).take(bytes)) };
    let (mut left, mut right) = (open(copy)?, open(of)?);
    let (mut one, mut other) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        let read = fill(&mut left, &mut one)?;
        if read != fill(&mut right, &mut other)? || one.get(..read) != other.get(..read) {
            return Ok(false);
        }
        if read == 0 {
            return Ok(true);
        }
    }
}

/// Reads as much as there is room for.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while let Some(room) = buffer.get_mut(read..).filter(|room| !room.is_empty()) {
        match from.read(room) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}
