//! What a plugin may use.

use std::time::Duration;

/// The limits of one instance, always on. A limit that is hit is an error that
/// names it.
///
/// | limit | default | counts |
/// | --- | --- | --- |
/// | `memory` | 64 MiB | linear memory, all memories of the instance together |
/// | `deadline` | 1 s | one call, in ticks of 10 ms; of a sink only what it computes |
/// | `timeout` | 30 s | one call of a sink, what it waits for others included |
/// | `output` | 24 MiB | what one call may hand to the host, carried columns included; of a sink at most 8 MiB |
/// | `reason` | 1 KiB | the reason of a rejected row; longer ones are cut |
/// | `log_line` | 4 KiB | one line of the log; longer ones are cut, and end in `...` |
/// | `log_rate` | 100 | lines a second, of all instances of a node: its [`Logger`](crate::Logger) counts those above it |
/// | `table` | 100,000 | elements of all tables together |
///
/// The call stack has 512 KiB and a component at most 128 MiB, the same for all
/// plugins; an output has at most 1,000 fields, nested at most 16 deep; a column has
/// at most 1 MiB a row of fixed lists and other values of fixed width, and may need
/// at most 1 GiB for as many lists as it has. What the host keeps for an instance
/// beside its memory stays below 32 MiB: that is why `output` is not larger, and what
/// the other constants here add up to. Compiling a component may take 60 s and 4 GiB
/// of address space, where it is done by a [`Compiler`](crate::Compiler).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory.
    pub memory: usize,
    /// How long one call may take.
    pub deadline: Duration,
    /// How long one call of a sink may take, waiting included.
    pub timeout: Duration,
    /// Bytes that one call may hand to the host.
    pub output: usize,
    /// Bytes of the reason of a rejected row.
    pub reason: usize,
    /// Bytes of a line of the log.
    pub log_line: usize,
    /// Lines of the log a second.
    pub log_rate: u32,
    /// Elements of all tables.
    pub table: usize,
}

/// Bytes of call stack.
pub(crate) const STACK: usize = 512 * 1024;
/// Bytes of a component.
pub(crate) const COMPONENT: u64 = 128 << 20;
/// Fields of an output, nested ones included.
pub(crate) const FIELDS: usize = 1_000;
/// Bytes of why a component cannot be used: it may quote the component.
pub(crate) const REASON: usize = 4 << 10;
/// Bytes of the name of a field.
pub(crate) const NAME: usize = 1 << 10;
/// How deep the fields of an output may be nested.
pub(crate) const DEPTH: usize = 16;
/// Bytes that a row of an output's column takes in any case: of a fixed list all
/// of it, of other lists one value.
pub(crate) const ROW: usize = 1 << 20;
/// Bytes that Arrow sets aside for the values of a column's lists, by their number
/// alone. It cannot be denied them: without them the process ends.
pub(crate) const ROOM: usize = 1 << 30;
/// Core instances, tables and memories of one component.
pub(crate) const PARTS: usize = 100;
/// Bytes that one call of a sink may hand to the host, and one call of the host by
/// a sink: there are many of these, and each is a copy beside its memory.
pub(crate) const HANDED: usize = 8 << 20;
/// Bytes of the token of a prepared epoch: it is kept with every record of a checkpoint.
pub(crate) const TOKEN: usize = 1 << 20;
/// Bytes that a stream takes at once, and keeps until they are written.
pub(crate) const WRITE: usize = 1 << 16;
/// Files, sockets, requests and the like that an instance may hold at once: a
/// fraction of what a process may have open, since its neighbours have files too.
pub(crate) const RESOURCES: usize = 256;
/// Handles of all kinds, in the tables of the component model.
pub(crate) const HANDLES: usize = 10_000;
/// Earlier versions whose states a plugin can convert.
pub(crate) const FORMERS: usize = 64;
/// Random bytes that a guest may ask for at once.
pub(crate) const RANDOM: u64 = 1 << 20;

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 64 << 20,
            deadline: Duration::from_secs(1),
            timeout: Duration::from_secs(30),
            output: 24 << 20,
            reason: 1 << 10,
            log_line: 4 << 10,
            log_rate: 100,
            table: 100_000,
        }
    }
}

/// A number of bytes for a person.
pub(crate) fn bytes(count: usize) -> String {
    match count {
        0 => "0 bytes".into(),
        _ if count.is_multiple_of(1 << 30) => format!("{} GiB", count >> 30),
        _ if count.is_multiple_of(1 << 20) => format!("{} MiB", count >> 20),
        _ if count.is_multiple_of(1 << 10) => format!("{} KiB", count >> 10),
        _ => format!("{count} bytes"),
    }
}
