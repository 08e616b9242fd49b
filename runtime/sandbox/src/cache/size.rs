//! Keeps the folder of compiled code within a size.
//!
//! The rule is that of wasmtime's own cache (`files-total-size-soft-limit` and
//! `files-total-size-limit-percent-if-deleting` in its documentation): beyond a size, what was not
//! used for longest goes, until 70 % are left. With `--watch` each save of a plugin is an entry.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Bytes of all entries.
const MOST: u64 = 512 << 20;

/// Bytes that stay.
const LEFT: u64 = MOST / 10 * 7;

/// An entry is used now. Its file's time of modification says so: that of access is not kept by
/// every file system.
#[expect(
    clippy::disallowed_methods,
    reason = "the machine's clock orders files, no row depends on it"
)]
pub(super) fn used(entry: &fs::File) {
    // A time that is not told costs the order, nothing else.
    let _ = entry.set_modified(SystemTime::now());
}

/// Removes what is too much, also what a process left half written. Another process may do so at
/// once, or read what is removed: who has opened an entry has all of it.
///
/// # Errors
/// If the folder cannot be read.
pub(super) fn keep_within(folder: &Path) -> io::Result<()> {
    let mut entries = entries(folder)?;
    let mut size: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
    if size <= MOST {
        return Ok(());
    }
    entries.sort();
    for (_, bytes, path) in entries {
        if size <= LEFT {
            break;
        }
        let removed = fs::remove_file(path);
        if removed.map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |()| true) {
            size -= bytes;
        }
    }
    Ok(())
}

/// When each was used, its bytes, its file.
fn entries(folder: &Path) -> io::Result<Vec<(SystemTime, u64, PathBuf)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)?.flatten() {
        let is_own = entry.file_name().to_str().is_some_and(is_own);
        if let Some(metadata) = is_own.then(|| entry.metadata().ok()).flatten() {
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            entries.push((used, metadata.len(), entry.path()));
        }
    }
    Ok(entries)
}

/// Whether a file is of the cache, by its name: the folder may be one that somebody gave.
fn is_own(name: &str) -> bool {
    name.split_once('.').is_some_and(|(digest, end)| {
        let is_digest = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_digest && (end == "cwasm" || end.ends_with(".tmp"))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A file of so many MiB, without their blocks, that was used so many minutes after 1970.
    fn file(folder: &Path, name: &str, mib: u64, minutes: u64) -> String {
        let file = fs::File::create(folder.join(name)).unwrap();
        file.set_len(mib << 20).unwrap();
        let used = SystemTime::UNIX_EPOCH + Duration::from_mins(minutes);
        file.set_modified(used).unwrap();
        name.into()
    }

    fn left(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn entry(letter: &str) -> String {
        letter.repeat(64) + ".cwasm"
    }

    #[test]
    fn what_was_not_used_for_longest_goes_until_seventy_percent_are_left() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        for (letter, minutes) in [("a", 9), ("b", 2), ("c", 7), ("d", 1), ("e", 5), ("f", 8)] {
            file(folder, &entry(letter), 100, minutes);
        }
        keep_within(folder).unwrap();
        assert_eq!(left(folder), ["a", "c", "f"].map(entry));
    }

    #[test]
    fn nothing_goes_below_the_size() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let names = [("a", 500, 1), ("b", 12, 2)]
            .map(|(letter, mib, minutes)| file(folder, &entry(letter), mib, minutes));
        keep_within(folder).unwrap();
        assert_eq!(left(folder), names);
    }

    #[test]
    fn what_is_not_of_the_cache_neither_counts_nor_goes() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let others = [
            file(folder, "my.cwasm", 900, 1),
            file(folder, &format!("{}.zip", "a".repeat(64)), 900, 1),
        ];
        let half = file(folder, &format!("{}.17.tmp", "b".repeat(64)), 600, 2);
        let kept = file(folder, &entry("c"), 1, 3);
        keep_within(folder).unwrap();
        let left = left(folder);
        assert!(!left.contains(&half), "{left:?}");
        assert!(
            others.iter().chain([&kept]).all(|name| left.contains(name)),
            "{left:?}"
        );
    }

    #[test]
    fn an_entry_that_is_used_is_the_newest() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        for (letter, minutes) in [("a", 1), ("b", 2), ("c", 3)] {
            file(folder, &entry(letter), 200, minutes);
        }
        used(&fs::File::open(folder.join(entry("a"))).unwrap());
        keep_within(folder).unwrap();
        assert_eq!(left(folder), [entry("a")]);
    }
}
