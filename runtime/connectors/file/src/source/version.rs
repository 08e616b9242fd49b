//! What files are there now, as one word.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use azud_model::{Error, Result};

use super::find::Pattern;
use super::found::unreadable;

/// The names, sizes and times of the files of a pattern, and which files they are: one that was
/// put in another's place is another, if it has the same size and time too.
///
/// # Errors
/// `Unavailable` if the one file that is meant is not there: whoever writes it anew may have
/// taken the old one away.
pub(super) fn version(pattern: &Pattern) -> Result<String> {
    let files = pattern.files()?;
    if files.is_empty() && pattern.is_one_file() {
        let path = pattern.given().display();
        return Err(Error::unavailable(format!("there is no file `{path}`")));
    }
    let mut word = String::new();
    for file in files {
        let name = Path::new(&file.name);
        let metadata = fs::metadata(&file.path).map_err(|error| unreadable(name, error))?;
        let (size, seconds, nanos) = (metadata.len(), metadata.mtime(), metadata.mtime_nsec());
        // To write to a text cannot fail.
        let _ = writeln!(
            word,
            "{size} {seconds}.{nanos} {}:{} {}",
            metadata.dev(),
            metadata.ino(),
            file.name
        );
    }
    Ok(word)
}
