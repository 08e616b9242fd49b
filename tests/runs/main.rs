//! What is done to a running pipeline: signals, floods, files that come late,
//! readers and servers that go away; commands that run none. A file here is one such thing.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod again;
mod compiler;
mod continuous;
mod files;
mod idle;
mod inspect;
mod keyed;
mod manifests;
mod process;
mod signals;
mod sockets;
mod state;
mod stdout;
mod tables;
mod time_column;
mod why;
