//! What runs in the compiler's own process.

use std::{
    io::{self, Read, Write},
    time::Duration,
};

use wasmtime::Engine;

use crate::{limits, sandbox::config, sealed::Kind};

/// Compiles the component that `input` has, and writes its code to `output`, for the
/// process that started this one as its `Compiler`. First limits this process to
/// `memory` bytes of address space, and to the processor time that `time` has on all
/// cores: whoever waits for it may be gone.
///
/// # Errors
/// Where limits cannot be set, or the pipes are broken. That the component is none is
/// written to `output`.
pub fn compile_component(
    memory: u64,
    time: Duration,
    mut input: impl Read,
    mut output: impl Write,
) -> io::Result<()> {
    limit(memory, time)?;
    let mut component = Vec::new();
    input
        .by_ref()
        .take(limits::COMPONENT + 1)
        .read_to_end(&mut component)?;
    let engine = Engine::new(&config());
    let (kind, bytes) = match engine.and_then(|engine| engine.precompile_component(&component)) {
        Ok(code) => (Kind::Code, code),
        Err(error) => (Kind::Refusal, format!("{error:#}").into_bytes()),
    };
    output.write_all(&bytes)?;
    output.write_all(&kind.trailer(&bytes))?;
    output.flush()
}

#[cfg(unix)]
fn limit(memory: u64, time: Duration) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let set = |resource, limit: u64| {
        // One that is lower already stays.
        let limit = getrlimit(resource)
            .maximum
            .map_or(limit, |most| most.min(limit));
        let limits = Rlimit {
            current: Some(limit),
            maximum: Some(limit),
        };
        setrlimit(resource, limits).map_err(io::Error::from)
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let seconds = time.as_secs().max(1).saturating_mul(cores as u64);
    set(Resource::Cpu, seconds)?;
    // Nobody wants gigabytes of a crash on disk.
    set(Resource::Core, 0)?;
    set(Resource::As, memory)
}

#[cfg(not(unix))]
fn limit(_: u64, _: Duration) -> io::Result<()> {
    Ok(())
}
