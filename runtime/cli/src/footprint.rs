//! Memory of a run: code that only planning needed is given back.

use std::ffi::c_void;
use std::fs;

use rustix::mm::{Advice, madvise};

/// Gives back the pages of the program's own file that are in memory: planning
/// runs once through most of DataFusion, and 40 MB of it would stay. What is
/// needed again comes back from the page cache when it is touched.
///
/// Where `/proc` does not say what is mapped, nothing happens.
pub(crate) fn release_code() {
    let (Ok(program), Ok(maps)) = (
        fs::read_link("/proc/self/exe"),
        fs::read_to_string("/proc/self/maps"),
    ) else {
        return;
    };
    let program = program.to_string_lossy();
    for (start, length) in maps.lines().filter_map(|line| constant(line, &program)) {
        give_back(start, length);
    }
}

/// A line of `/proc/self/maps` (proc_pid_maps(5)): start and length of a part of
/// the program that nothing has ever written to, its code and its constants.
///
/// Constants lie at the start of the file. Further read-only parts were written
/// to when the program was loaded (relocations): those must stay.
fn constant(line: &str, program: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_whitespace();
    let (range, rights, offset) = (fields.next()?, fields.next()?, fields.next()?);
    let file = line.split_once('/').map(|(_, path)| path)?;
    let is_program = program.strip_prefix('/') == Some(file);
    let is_constant = rights == "r-xp" || (rights == "r--p" && offset.trim_matches('0').is_empty());
    if !is_program || !is_constant {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    let start = usize::from_str_radix(start, 16).ok()?;
    let end = usize::from_str_radix(end, 16).ok()?;
    Some((start, end.checked_sub(start)?))
}

#[expect(unsafe_code, reason = "madvise can take memory away")]
fn give_back(start: usize, length: usize) {
    let start = std::ptr::without_provenance_mut::<c_void>(start);
    // SAFETY: the range maps a part of the program's file that cannot be written
    // to and never was: read again, its pages are what they were. A file that is
    // being run cannot be changed (ETXTBSY).
    let _ = unsafe { madvise(start, length, Advice::LinuxDontNeed) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_never_written_is_given_back() {
        let parts = |line| constant(line, "/opt/a b/azud");
        assert_eq!(
            parts("00400000-00402000 r-xp 00001000 08:01 42   /opt/a b/azud"),
            Some((0x40_0000, 0x2000))
        );
        assert_eq!(
            parts("00400000-00401000 r--p 00000000 08:01 42   /opt/a b/azud"),
            Some((0x40_0000, 0x1000))
        );
        for other in [
            "00400000-00401000 r--p 00800000 08:01 42   /opt/a b/azud",
            "00400000-00401000 rw-p 00000000 08:01 42   /opt/a b/azud",
            "00400000-00401000 r-xp 00000000 08:01 42   /usr/lib/libc.so.6",
            "00400000-00401000 r-xp 00000000 08:01 42   /opt/a b/azud (deleted)",
            "00400000-00401000 r-xp 00000000 00:00 0    [vdso]",
            "nonsense",
            "",
        ] {
            assert_eq!(parts(other), None, "{other}");
        }
    }
}
