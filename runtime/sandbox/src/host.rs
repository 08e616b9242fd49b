//! What a store holds on the host's side: limits, and where lines go.

use wasmtime::ResourceLimiter;

use crate::{
    Level, Limits,
    bindings::{
        azud::plugin::{log, types},
        sink,
    },
    limits::PARTS,
    log::Lines,
    print::{self, Begun},
};

/// The host's side of one instance.
pub(crate) struct Host {
    pub(crate) limits: Limits,
    pub(crate) denied: Option<Denied>,
    /// What it logged last in this call: a panic says there what happened.
    pub(crate) last_line: Option<String>,
    /// What was printed to standard output and to standard error, without a line's end.
    printed: Begun,
    told: Begun,
    lines: Lines,
    memory: usize,
    table: usize,
    random: u64,
}

/// What the guest asked for in vain. It sees a failed allocation and traps; the
/// reason has to be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    Memory,
    Table,
}

// === impl Host ===

impl Host {
    pub(crate) fn new(limits: Limits, lines: Lines) -> Self {
        Self {
            limits,
            denied: None,
            last_line: None,
            printed: Begun::default(),
            told: Begun::default(),
            lines,
            memory: 0,
            table: 0,
            random: 0,
        }
    }

    /// Bytes of memory that the instance has taken so far: it never gives any back.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }

    /// Forgets what the last call left behind.
    pub(crate) fn start_call(&mut self) {
        self.last_line = None;
        self.denied = None;
    }

    /// The same numbers in every instance (SplitMix64).
    pub(crate) fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A text of the guest, for an error.
    pub(crate) fn clean(&self, text: &str) -> String {
        self.lines.clean(text, self.limits.reason)
    }

    /// Takes what was printed, line by line.
    pub(crate) fn print(&mut self, level: Level, bytes: &[u8]) {
        let begun = match level {
            Level::Info => &mut self.printed,
            _ => &mut self.told,
        };
        for line in begun.add(bytes, self.lines.longest()) {
            self.tell(level, &line);
        }
    }

    /// Tells lines that have no end: the instance goes, and no end will come.
    pub(crate) fn end_lines(&mut self) {
        if let Some(line) = self.printed.end() {
            self.tell(Level::Info, &line);
        }
        // A panic says there what happened, so that it comes last.
        if let Some(line) = self.told.end() {
            self.tell(Level::Warn, &line);
        }
    }

    fn tell(&mut self, level: Level, line: &str) {
        let cleaned = self.clean(line);
        print::remember(&mut self.last_line, cleaned);
        self.lines.log(level, line);
    }

    pub(crate) fn write(&mut self, level: Level, message: &str) {
        self.last_line = Some(self.clean(message));
        self.lines.log(level, message);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.end_lines();
    }
}

impl ResourceLimiter for Host {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_add(desired.saturating_sub(current));
        if total > self.limits.memory {
            self.denied = Some(Denied::Memory);
            return Ok(false);
        }
        self.memory = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.table.saturating_add(desired.saturating_sub(current));
        if total > self.limits.table {
            self.denied = Some(Denied::Table);
            return Ok(false);
        }
        self.table = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        PARTS
    }

    fn tables(&self) -> usize {
        PARTS
    }

    fn memories(&self) -> usize {
        PARTS
    }
}

impl types::Host for Host {}

impl sink::azud::plugin::types::Host for Host {}

impl log::Host for Host {
    fn log(&mut self, level: log::Level, message: String) {
        let level = match level {
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.write(level, &message);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::Logger;

    /// The log, for tests to read.
    #[derive(Default)]
    struct Told(Mutex<Vec<(Level, String)>>);

    impl Logger for Told {
        fn takes(&self, _: Level) -> bool {
            true
        }

        fn log(&self, level: Level, line: &str) {
            self.0.lock().unwrap().push((level, line.to_owned()));
        }
    }

    fn host(told: &Arc<Told>, secret: &str) -> Host {
        let limits = Limits::default();
        let lines = Lines::new(told.clone(), &limits);
        Host::new(limits, lines.hiding([secret].into_iter()))
    }

    #[test]
    fn lines_without_an_end_are_told_when_the_instance_goes() {
        let told = Arc::new(Told::default());
        let mut host = host(&told, "none of it");
        host.print(Level::Info, b"one\ntwo");
        host.print(Level::Warn, b"three\x1b");
        host.end_lines();
        host.print(Level::Warn, b"four");
        drop(host);
        let lines = [
            (Level::Info, "one"),
            (Level::Info, "two"),
            (Level::Warn, "three\\u{1b}"),
            (Level::Warn, "four"),
        ];
        let lines = lines.map(|(level, line)| (level, line.to_owned()));
        assert_eq!(*told.0.lock().unwrap(), lines);
    }

    #[test]
    fn one_without_an_end_is_cut_and_hides_secrets_as_others() {
        let (told, secret) = (Arc::new(Told::default()), "s3cret".repeat(100));
        let limit = Limits::default().log_line;
        let mut host = host(&told, &secret);
        let line = format!("{}{secret}x", "a".repeat(limit - 3));
        host.print(Level::Info, line.as_bytes());
        assert_eq!(*told.0.lock().unwrap(), [], "it may go on");
        drop(host);
        let expected = format!("{}***...", "a".repeat(limit - 3));
        assert_eq!(*told.0.lock().unwrap(), [(Level::Info, expected)]);
    }
}
