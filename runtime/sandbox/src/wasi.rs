//! The empty world that a plugin built for WASI 0.2 finds: no arguments, no
//! environment, no files, clocks at zero, the same random numbers in every
//! instance; what it prints goes to the log. Everything else of WASI (opening
//! files, sockets, waiting) traps and is named in the error.

use wasmtime::component::{
    Component, ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType,
};

use crate::{
    Level,
    host::Host,
    limits::{RANDOM, WRITE},
};

/// Whether an import belongs to the empty world.
pub(crate) fn offers(import: &str) -> bool {
    [
        "cli",
        "clocks",
        "filesystem",
        "io",
        "random",
        "sockets",
        "http",
    ]
    .iter()
    .any(|package| {
        let rest = import
            .strip_prefix("wasi:")
            .and_then(|import| import.strip_prefix(package));
        rest.is_some_and(|rest| rest.starts_with('/') && rest.contains("@0.2."))
    })
}

/// Defines what the component imports of WASI.
pub(crate) fn add_to_linker(
    linker: &mut Linker<Host>,
    component: &Component,
) -> wasmtime::Result<()> {
    let engine = linker.engine().clone();
    for (import, _) in component.component_type().imports(&engine) {
        let Some((interface, _)) = import
            .split_once('@')
            .filter(|(interface, _)| interface.starts_with("wasi:"))
        else {
            continue;
        };
        let mut instance = linker.instance(import)?;
        resources(&mut instance)?;
        match interface {
            "wasi:cli/environment" => environment(&mut instance),
            "wasi:cli/exit" => exit(&mut instance),
            "wasi:cli/stdout" => instance.func_wrap("get-stdout", |_, (): ()| {
                Ok((Resource::<Stream>::new_own(STDOUT),))
            }),
            "wasi:cli/stderr" => instance.func_wrap("get-stderr", |_, (): ()| {
                Ok((Resource::<Stream>::new_own(STDERR),))
            }),
            "wasi:cli/terminal-stdin" => no_terminal(&mut instance, "stdin"),
            "wasi:cli/terminal-stdout" => no_terminal(&mut instance, "stdout"),
            "wasi:cli/terminal-stderr" => no_terminal(&mut instance, "stderr"),
            "wasi:clocks/monotonic-clock" => monotonic(&mut instance),
            "wasi:clocks/wall-clock" => wall(&mut instance),
            "wasi:filesystem/preopens" => preopens(&mut instance),
            "wasi:io/poll" => poll(&mut instance),
            "wasi:io/streams" => streams(&mut instance),
            "wasi:random/random" => random(&mut instance),
            "wasi:random/insecure-seed" => {
                instance.func_wrap("insecure-seed", |_, (): ()| Ok(((0_u64, 0_u64),)))
            }
            _ => Ok(()),
        }?;
    }
    linker.define_unknown_imports_as_traps(component)
}

/// The types of handles. An interface that uses another's has them as well; one
/// that has them not does not mind.
fn resources(at: &mut Instance<'_>) -> wasmtime::Result<()> {
    at.resource("output-stream", ResourceType::host::<Stream>(), |_, _| {
        Ok(())
    })?;
    at.resource("error", ResourceType::host::<Failure>(), |_, _| Ok(()))?;
    at.resource("pollable", ResourceType::host::<Pollable>(), |_, _| Ok(()))?;
    at.resource("descriptor", ResourceType::host::<Descriptor>(), |_, _| {
        Ok(())
    })?;
    at.resource(
        "terminal-input",
        ResourceType::host::<Terminal>(),
        |_, _| Ok(()),
    )?;
    at.resource(
        "terminal-output",
        ResourceType::host::<Terminal>(),
        |_, _| Ok(()),
    )
}

type Instance<'a> = LinkerInstance<'a, Host>;

/// Resources that exist as types only.
struct Terminal;
struct Descriptor;
struct Failure;
/// Always ready: nothing here ever waits.
struct Pollable;
/// A stream's number says which one it is: nothing has to be remembered.
struct Stream;
const STDOUT: u32 = 1;
const STDERR: u32 = 2;

#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    Failed(Resource<Failure>),
    #[component(name = "closed")]
    Closed,
}

fn environment(at: &mut Instance<'_>) -> wasmtime::Result<()> {
    at.func_wrap("get-environment", |_, (): ()| {
        Ok((Vec::<(String, String)>::new(),))
    })?;
    at.func_wrap("get-arguments", |_, (): ()| Ok((Vec::<String>::new(),)))?;
    at.func_wrap("initial-cwd", |_, (): ()| Ok((None::<String>,)))
}

fn exit(at: &mut Instance<'_>) -> wasmtime::Result<()> {
    at.func_wrap(
        "exit",
        |_, (_,): (Result<(), ()>,)| -> wasmtime::Result<()> {
            Err(wasmtime::Error::msg("the plugin called exit"))
        },
    )
}

fn streams(at: &mut Instance<'_>) -> wasmtime::Result<()> {
    type Answer<T> = wasmtime::Result<(Result<T, StreamError>,)>;
    at.func_wrap(
        "[method]output-stream.check-write",
        |_, (_,): (Resource<Stream>,)| -> Answer<u64> { Ok((Ok(WRITE as u64),)) },
    )?;
    at.func_wrap(
        "[method]output-stream.subscribe",
        |_, (_,): (Resource<Stream>,)| Ok((Resource::<Pollable>::new_own(0),)),
    )?;
    for flush in ["flush", "blocking-flush"] {
        at.func_wrap(
            &format!("[method]output-stream.{flush}"),
            |_, (_,): (Resource<Stream>,)| -> Answer<()> { Ok((Ok(()),)) },
        )?;
    }
    for write in ["write", "blocking-write-and-flush"] {
        at.func_wrap(
            &format!("[method]output-stream.{write}"),
            |mut store, (stream, bytes): (Resource<Stream>, Vec<u8>)| -> Answer<()> {
                let level = if stream.rep() == STDERR {
                    Level::Warn
                } else {
                    Level::Info
                };
                // As the standard says: more than `check-write` allowed is a trap.
                if bytes.len() > WRITE {
                    return Err(wasmtime::Error::msg("it wrote more than it may at once"));
                }
                store.data_mut().print(level, &bytes);
                Ok((Ok(()),))
            },
        )?;
    }
    Ok(())
}

fn monotonic(at: &mut Instance<'_>) -> wasmtime::Result<()> {
    at.func_wrap("now", |_, (): ()| Ok((0_u64,)))?;
    at.func_wrap("resolution", |_, (): ()| Ok((1_u64,)))?;
    at.func_wrap("subscribe-instant", |_, (_,): (u64,)| {
        Ok((Resource::<Pollable>::new_own(0),))
    })?;
    at.func_wrap("subscribe-duration", |_, (_,): (u64,)| {
        Ok((Resource::<Pollable>::new_own(0),))
    })
}

fn poll(at: &mut Instance<'_>) -> wasmtime::Result<()> {
    at.func_wrap(
        "[method]pollable.ready",
        |_, (_,): (Resource<Pollable>,)| Ok((true,)),
    )?;
    at.func_wrap(
        "[method]pollable.block",
        |_, (_,): (Resource<Pollable>,)| Ok(()),
    )?;
    at.func_wrap("poll", |_, (all,): (Vec<Resource<Pollable>>,)| {
        Ok(((0..all.len() as u32).collect::<Vec<u32>>(),))
    })
}

fn wall(at: &mut Instance<'_>) -> wasmtime::Result<()> {
    at.func_wrap("now", |_, (): ()| {
        Ok((Datetime {
            seconds: 0,
            nanoseconds: 0,
        },))
    })?;
    at.func_wrap("resolution", |_, (): ()| {
        Ok((Datetime {
            seconds: 1,
            nanoseconds: 0,
        },))
    })
}

fn preopens(at: &mut Instance<'_>) -> wasmtime::Result<()> {
    at.func_wrap("get-directories", |_, (): ()| {
        Ok((Vec::<(Resource<Descriptor>, String)>::new(),))
    })
}

fn random(at: &mut Instance<'_>) -> wasmtime::Result<()> {
    at.func_wrap("get-random-u64", |mut store, (): ()| {
        Ok((store.data_mut().random(),))
    })?;
    at.func_wrap("get-random-bytes", |mut store, (count,): (u64,)| {
        let host = store.data_mut();
        if count > RANDOM {
            return Err(wasmtime::Error::msg(format!(
                "it asked for {count} random bytes at once: at most {RANDOM}"
            )));
        }
        Ok(((0..count).map(|_| host.random() as u8).collect::<Vec<u8>>(),))
    })
}

fn no_terminal(at: &mut Instance<'_>, stream: &str) -> wasmtime::Result<()> {
    at.func_wrap(&format!("get-terminal-{stream}"), |_, (): ()| {
        Ok((None::<Resource<Terminal>>,))
    })
}
