//! Progress of finite runs, for a person at a terminal.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often the line is drawn anew.
const REDRAW: Duration = Duration::from_millis(200);

/// A line on stderr: records so far, records a second, time.
pub(crate) struct Progress {
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

// === impl Progress ===

impl Progress {
    /// Draws `records`, if stderr is a terminal and `wanted`.
    pub(crate) fn start(name: &str, records: Arc<AtomicU64>, wanted: bool) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        if !wanted || !std::io::stderr().is_terminal() {
            return Self { done, thread: None };
        }
        let template = "{spinner} {prefix}: {human_pos} records, {per_sec}, {elapsed}";
        let style = ProgressStyle::with_template(template);
        let bar = ProgressBar::no_length().with_prefix(name.to_owned());
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        let stopped = done.clone();
        let draw = move || {
            while !stopped.load(Ordering::Relaxed) {
                bar.set_position(records.load(Ordering::Relaxed));
                bar.tick();
                std::thread::park_timeout(REDRAW);
            }
            bar.set_position(records.load(Ordering::Relaxed));
            bar.finish_and_clear();
        };
        // Without a thread there is no line: nothing else depends on it.
        let thread = std::thread::Builder::new()
            .name("azud-progress".into())
            .spawn(draw);
        Self {
            done,
            thread: thread.ok(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}
