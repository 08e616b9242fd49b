//! What WASI's own implementation keeps without a limit: calls of a guest that hand
//! over something the host holds on to are looked at first. A guest may have as many
//! resources as `RESOURCES` says, so each of them has to be small.

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::{
    DynOutputStream, StreamError, bindings::io::streams::StreamError as WireError,
};
use wasmtime_wasi_http::{
    WasiHttpView as _,
    p2::{
        bindings::http::types::{HostOutgoingRequest as _, Method},
        types::HostOutgoingRequest,
    },
};

use super::SinkHost;
use crate::limits::WRITE;

/// The versions under which `wasmtime-wasi` defines its interfaces. Where these are
/// not the same any more, a test of `tests/evil` fails.
const STREAMS: &str = "wasi:io/streams@0.2.12";
const HTTP: &str = "wasi:http/types@0.2.12";

/// Bytes of a request's method and authority: no server knows longer ones.
const WORD: usize = 512;

type Request = Resource<HostOutgoingRequest>;

/// Puts the checks before what was defined.
pub(super) fn add_to_linker(linker: &mut Linker<SinkHost>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker.instance(STREAMS)?.func_wrap(
        "[method]output-stream.write",
        |mut store, (stream, bytes)| Ok((write(store.data_mut(), &stream, bytes)?,)),
    )?;
    let mut http = linker.instance(HTTP)?;
    http.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store, (request, method): (Request, Method)| {
            if matches!(&method, Method::Other(method) if method.len() > WORD) {
                return Ok((Err(()),));
            }
            Ok((store.data_mut().http().set_method(request, method)?,))
        },
    )?;
    http.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut store, (request, authority): (Request, Option<String>)| {
            if authority.as_ref().is_some_and(|text| text.len() > WORD) {
                return Ok((Err(()),));
            }
            Ok((store.data_mut().http().set_authority(request, authority)?,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Files take whatever they are given, and hold it until the disk has it.
fn write(
    host: &mut SinkHost,
    stream: &Resource<DynOutputStream>,
    bytes: Vec<u8>,
) -> wasmtime::Result<Result<(), WireError>> {
    // As the standard says: more than `check-write` allowed is a trap.
    if bytes.len() > WRITE {
        let what = "it wrote more than it may at once";
        return Err(wasmtime::Error::msg(what));
    }
    let table = host.http().table;
    match table.get_mut(stream)?.write(bytes.into()) {
        Ok(()) => Ok(Ok(())),
        Err(StreamError::Closed) => Ok(Err(WireError::Closed)),
        Err(StreamError::LastOperationFailed(error)) => {
            Ok(Err(WireError::LastOperationFailed(table.push(error)?)))
        }
        Err(StreamError::Trap(error)) => Err(error),
    }
}
