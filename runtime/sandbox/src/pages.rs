//! Bytes in pages of their own, which go back to the system with them.
//!
//! Machine code is about a megabyte that is needed once. An allocator would keep
//! it: glibc's has arenas for threads, does not give back the end of one before it
//! is as large as the largest block was (`M_TRIM_THRESHOLD` grows, mallopt(3)), and
//! with each swap of a plugin another thread may come to another arena.

use std::{
    io::{self, ErrorKind, Read},
    ops::Deref,
};

use memmap2::MmapMut;

/// What is mapped at first, bytes.
const FIRST: usize = 1 << 20;

/// Bytes that were read.
#[derive(Default)]
pub(crate) struct Pages {
    map: Option<MmapMut>,
    length: usize,
}

// === impl Pages ===

impl Pages {
    /// Adds all that there is to read, `limit` bytes at most.
    ///
    /// # Errors
    /// Where it cannot be read, or there is no memory; what came before stays.
    pub(crate) fn read(&mut self, from: impl Read, limit: u64) -> io::Result<()> {
        let mut from = from.take(limit);
        loop {
            let free = self.free()?;
            match from.read(free) {
                Ok(0) => return Ok(()),
                Ok(read) => self.length += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Only the first `length` bytes stay.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Where more can be written.
    fn free(&mut self) -> io::Result<&mut [u8]> {
        let size = self.map.as_ref().map_or(0, |map| map.len());
        if self.length == size {
            let mut map = MmapMut::map_anon((2 * size).max(FIRST))?;
            let (before, _) = map.split_at_mut(size);
            before.copy_from_slice(self);
            self.map = Some(map);
        }
        let free = self.map.as_mut().and_then(|map| map.get_mut(self.length..));
        Ok(free.unwrap_or_default())
    }
}

impl Deref for Pages {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let map = self.map.as_deref();
        map.and_then(|map| map.get(..self.length))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_there_whole() {
        for length in [0, 1, FIRST - 1, FIRST, FIRST + 1, 5 * FIRST] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut pages = Pages::default();
            pages.read(bytes.as_slice(), u64::MAX).unwrap();
            assert!(*pages == *bytes, "{length}");
        }
    }

    #[test]
    fn no_more_than_the_limit_is_read() {
        let mut pages = Pages::default();
        pages.read(io::repeat(7), 3).unwrap();
        assert_eq!(*pages, [7, 7, 7]);
        pages.truncate(1);
        assert_eq!(*pages, [7]);
        pages.truncate(2);
        assert_eq!(*pages, [7]);
    }

    #[test]
    fn what_came_before_an_error_stays() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
        }
        let mut pages = Pages::default();
        let read = pages.read(b"some".chain(Broken), u64::MAX);
        assert_eq!(read.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(*pages, *b"some");
    }
}
