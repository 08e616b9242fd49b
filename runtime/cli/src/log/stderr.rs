//! Standard error, which holds nobody up: what it takes is written at once, by whoever logs, so that
//! it outlives a crash; only what it does not take waits, in a bounded queue that a thread empties.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use azud_model::{Clock, SystemClock};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;

/// So many bytes may wait.
const QUEUE: usize = 1 << 20;

/// A pipe that has room takes so many bytes at once, and nobody else's between them (`PIPE_BUF`).
const CHUNK: usize = 4096;

/// Where lines go; `T` is stderr, or a pipe in a test.
pub(super) struct Output<T> {
    to: T,
    waits: Mutex<Waiting>,
    /// The line that tells how many are not there.
    left_out: fn(u64) -> String,
}

/// Standard error. Where that is a pipe it is opened once more: not to wait (`O_NONBLOCK`) is a
/// property of what was opened, which other processes share, and of two that write to one pipe each
/// may find it full after it had room.
pub(super) struct Stderr {
    own: Option<File>,
    shared: io::Stderr,
}

/// How long is waited for whoever reads.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// While nothing is taken.
    pub(super) still: Duration,
    /// In all.
    pub(super) all: Duration,
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

    /// Writes what waits, for as long as there is patience; without a limit, until all is written.
    /// Answers whether it is.
    pub(super) fn flush(&self, patience: Option<Patience>) -> bool {
        let clock = SystemClock::new();
        loop {
            let mut waits = self.lock();
            if self.write(&mut waits) {
                return true;
            }
            drop(waits);
            let is_over = patience.is_some_and(|patience| clock.elapsed() >= patience.all);
            if is_over || !self.has_room(patience.map(|patience| patience.still)) {
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
            // In one piece, so that lines are.
            let waiting = waits.bytes.make_contiguous();
            if waiting.is_empty() {
                return true;
            }
            let (length, taken) = (waiting.len(), self.take(waiting));
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
            match rustix::io::write(&self.to, chunk(rest)) {
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

/// As many whole lines as are taken at once, or a part of one that is longer: others write to the
/// same pipe, and whoever gives up within the queue has ended a line.
fn chunk(bytes: &[u8]) -> &[u8] {
    let Some(most) = bytes.get(..CHUNK) else {
        return bytes;
    };
    let end = most.iter().rposition(|byte| *byte == b'\n');
    end.and_then(|end| most.get(..=end)).unwrap_or(most)
}

// === impl Stderr ===

impl Stderr {
    pub(super) fn open() -> Self {
        let shared = io::stderr();
        // Who may not open it again goes on with what there is.
        let own = own_pipe(&shared).ok().flatten();
        Self { own, shared }
    }
}

impl AsFd for Stderr {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.own {
            Some(own) => own.as_fd(),
            None => self.shared.as_fd(),
        }
    }
}

fn own_pipe(shared: &io::Stderr) -> io::Result<Option<File>> {
    let shared = File::from(shared.as_fd().try_clone_to_owned()?);
    if !shared.metadata()?.file_type().is_fifo() {
        return Ok(None);
    }
    let mut options = OpenOptions::new();
    options.write(true);
    options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    options.open("/proc/self/fd/2").map(Some)
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
        let short = Patience {
            still: Duration::from_millis(1),
            all: PATIENCE,
        };
        assert!(!output.flush(Some(short)), "nobody reads");
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
            assert!(output.flush(None));
            output.line(line.as_bytes());
        }
        assert!(output.flush(None));
        // The thread may have it for a moment.
        while Arc::strong_count(&output) > 1 {
            thread::yield_now();
        }
        drop(output);
        let read = reads.join().unwrap();
        assert!(read.iter().eq(more.iter().map(|line| line.trim_end())));
    }

    #[test]
    fn a_flush_ends_however_slowly_somebody_reads() {
        let (mut from, to) = pipe().unwrap();
        let output = output(to);
        while left_out(&output) == 0 {
            output.line(&[b'x'; 10_000]);
        }
        let reads = thread::spawn(move || {
            let mut bytes = [0; 2 * CHUNK];
            while from.read(&mut bytes).unwrap() > 0 {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let patience = Patience {
            still: PATIENCE,
            all: Duration::from_millis(100),
        };
        assert!(!output.flush(Some(patience)));
        assert!(output.flush(None));
        while Arc::strong_count(&output) > 1 {
            thread::yield_now();
        }
        drop(output);
        reads.join().unwrap();
    }

    #[test]
    fn lines_are_taken_whole() {
        let line = |length: usize| format!("{}\n", "x".repeat(length));
        let lines = line(1_000).repeat(10);
        assert_eq!(chunk(lines.as_bytes()).len(), 4 * 1_001);
        assert_eq!(chunk(line(10).as_bytes()).len(), 11);
        assert_eq!(chunk(line(2 * CHUNK).as_bytes()).len(), CHUNK);
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
        assert!(output.flush(None));
    }
}
