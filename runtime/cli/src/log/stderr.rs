//! Standard error, which holds nobody up: what it takes is written at once, by whoever logs, so that
//! it outlives a crash; only what it does not take waits, in a bounded queue that a thread empties.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// So many bytes may wait.
const QUEUE: usize = 1 << 20;

/// A pipe that has room takes so many bytes without waiting (`PIPE_BUF`).
const CHUNK: usize = 4096;

/// Where lines go; `T` is stderr, or a pipe in a test.
pub(super) struct Output<T> {
    to: T,
    waits: Mutex<Waiting>,
    /// The line that tells how many are not there.
    left_out: fn(u64) -> String,
}

/// What could not be written yet.
#[derive(Default)]
struct Waiting {
    bytes: VecDeque<u8>,
    /// So many lines behind it found no room.
    left_out: u64,
    /// Whether a thread writes it.
    is_served: bool,
}

/// One for the library that formats events: each write is a whole line.
pub(super) struct Line<T: 'static>(pub(super) &'static Arc<Output<T>>);

// === impl Output ===

impl<T: AsFd + Send + Sync + 'static> Output<T> {
    pub(super) fn new(to: T, left_out: fn(u64) -> String) -> Arc<Self> {
        Arc::new(Self {
            to,
            waits: Mutex::default(),
            left_out,
        })
    }

    /// Writes a line with its end, or lets it wait; counts it where there is no room for that.
    pub(super) fn line(self: &Arc<Self>, line: &[u8]) {
        let mut waits = self.lock();
        let mut rest = line;
        if waits.bytes.is_empty() {
            rest = line.get(self.take(line)..).unwrap_or_default();
            if rest.is_empty() {
                return;
            }
            // A line that has begun is never cut.
        } else if !waits.has_room(line.len()) {
            waits.left_out += 1;
            return;
        }
        self.tell_left_out(&mut waits);
        waits.bytes.extend(rest);
        if !waits.is_served {
            let output = self.clone();
            let thread = thread::Builder::new().name("azud-log".into());
            // Without a thread the next line tries again, and the last is flushed.
            waits.is_served = thread.spawn(move || output.serve()).is_ok();
        }
    }

    /// Writes what waits, for as long as something of it is taken within each `patience`; answers
    /// whether that was all.
    pub(super) fn flush(&self, patience: Duration) -> bool {
        loop {
            let mut waits = self.lock();
            if self.write(&mut waits) {
                return true;
            }
            drop(waits);
            if !self.has_room(Some(patience)) {
                return false;
            }
        }
    }

    /// Writes what waits until nothing does.
    fn serve(&self) {
        loop {
            self.has_room(None);
            let mut waits = self.lock();
            if self.write(&mut waits) {
                waits.is_served = false;
                return;
            }
        }
    }

    /// Writes as much of what waits as is taken now; answers whether that was all.
    fn write(&self, waits: &mut Waiting) -> bool {
        loop {
            if waits.bytes.is_empty() {
                self.tell_left_out(waits);
            }
            let (front, _) = waits.bytes.as_slices();
            if front.is_empty() {
                return true;
            }
            let (length, taken) = (front.len(), self.take(front));
            waits.bytes.drain(..taken);
            if taken < length {
                return false;
            }
        }
    }

    /// Has it told, behind what waits, how many lines are not there.
    fn tell_left_out(&self, waits: &mut Waiting) {
        if waits.left_out > 0 {
            let line = (self.left_out)(std::mem::take(&mut waits.left_out));
            waits.bytes.extend(line.as_bytes());
        }
    }

    /// Writes as much as is taken without waiting; answers how many bytes. Where nobody can read it
    /// any more, or a disk is full, it is gone.
    fn take(&self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            if !self.has_room(Some(Duration::ZERO)) {
                break;
            }
            match rustix::io::write(&self.to, rest.get(..CHUNK).unwrap_or(rest)) {
                Ok(count) => taken += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => return bytes.len(),
            }
        }
        taken
    }

    /// Waits until it takes a chunk, or tells that it never will again; `false` if that takes longer.
    fn has_room(&self, patience: Option<Duration>) -> bool {
        let patience = patience.and_then(|patience| Timespec::try_from(patience).ok());
        loop {
            let mut asked = [PollFd::new(&self.to, PollFlags::OUT)];
            match poll(&mut asked, patience.as_ref()) {
                Ok(0) => return false,
                Err(Errno::INTR) => {}
                // What cannot be asked tells when it is written to.
                Ok(_) | Err(_) => return true,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Waiting ===

impl Waiting {
    /// Whether a line may wait. Once one was left out, only when half of the queue is free: whoever
    /// reads slowly is told of many lines at once, not of each.
    fn has_room(&self, line: usize) -> bool {
        let most = match self.left_out {
            0 => QUEUE,
            _ => QUEUE / 2,
        };
        self.bytes.len() + line <= most
    }
}

// === impl Line ===

impl<T: AsFd + Send + Sync + 'static> Write for Line<T> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, PipeWriter, Read, pipe};

    use super::*;

    /// Longer than a flush that succeeds has to wait.
    const PATIENCE: Duration = Duration::from_secs(30);

    fn output(to: PipeWriter) -> Arc<Output<PipeWriter>> {
        Output::new(to, |count| format!("{count} left out\n"))
    }

    /// What it has not told yet.
    fn left_out(output: &Output<PipeWriter>) -> u64 {
        output.lock().left_out
    }

    #[test]
    fn what_is_taken_is_there_at_once_whatever_becomes_of_the_process() {
        let (mut from, to) = pipe().unwrap();
        let output = output(to);
        // Longer than a chunk.
        let line = format!("{}\n", "x".repeat(3 * CHUNK));
        output.line(line.as_bytes());
        assert!(output.lock().bytes.is_empty(), "nothing waits for a thread");
        let mut read = vec![0; line.len()];
        from.read_exact(&mut read).unwrap();
        assert_eq!(read, line.as_bytes());
    }

    #[test]
    fn of_what_nobody_reads_each_line_is_kept_or_counted_in_its_order() {
        let (from, to) = pipe().unwrap();
        let output = output(to);
        let line = |number: u64| format!("{number} {}\n", "x".repeat(100));
        let mut next = 0;
        while left_out(&output) < 1_000 {
            output.line(line(next).as_bytes());
            next += 1;
        }
        assert!(!output.flush(Duration::from_millis(1)), "nobody reads");
        let mut lines = BufReader::new(from).lines().map(Result::unwrap);
        let mut expected = 0;
        let counted = loop {
            let read = lines.next().unwrap();
            if let Some(count) = read.strip_suffix(" left out") {
                break count.parse::<u64>().unwrap();
            }
            assert_eq!(read, line(expected).trim_end());
            expected += 1;
        };
        assert_eq!((counted, expected + counted), (1_000, next));
        // Somebody reads: nothing is lost any more.
        let reads = thread::spawn(move || lines.collect::<Vec<_>>());
        let more: Vec<String> = (next..next + 20_000).map(line).collect();
        for line in &more {
            assert!(output.flush(PATIENCE));
            output.line(line.as_bytes());
        }
        assert!(output.flush(PATIENCE));
        // The thread may have it for a moment.
        while Arc::strong_count(&output) > 1 {
            thread::yield_now();
        }
        drop(output);
        let read = reads.join().unwrap();
        assert!(read.iter().eq(more.iter().map(|line| line.trim_end())));
    }

    #[test]
    fn a_reader_that_is_gone_holds_up_nobody() {
        let (from, to) = pipe().unwrap();
        let output = output(to);
        output.line(b"read\n");
        drop(from);
        for _ in 0..100 {
            output.line(&[b'x'; 10_000]);
        }
        assert!(output.flush(PATIENCE));
    }
}
