//! What WASI's own implementation keeps without a limit: calls of a guest that hand
//! over something the host holds on to are looked at first. A guest may have as many
//! resources as `RESOURCES` says, so each of them has to be small.

use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::{
    filesystem::WasiFilesystemView as _,
    p2::{
        DynOutputStream, ReaddirIterator, StreamError,
        bindings::{
            filesystem::types::{Descriptor, ErrorCode, Host as _, HostDescriptor as _},
            io::streams::StreamError as WireError,
        },
    },
};
use wasmtime_wasi_http::{
    WasiHttpView as _,
    p2::{
        bindings::http::{
            outgoing_handler::Host as _,
            types::{
                ErrorCode as HttpError, Host as _, HostOutgoingRequest as _, HostRequestOptions,
                Method, RequestOptions,
            },
        },
        types::{HostFutureIncomingResponse, HostOutgoingRequest},
    },
};

use super::SinkHost;
use crate::limits::WRITE;

/// The versions under which `wasmtime-wasi` defines its interfaces. Where these are
/// not the same any more, a test of `tests/evil` fails.
const STREAMS: &str = "wasi:io/streams@0.2.12";
const HTTP: &str = "wasi:http/types@0.2.12";
const HANDLER: &str = "wasi:http/outgoing-handler@0.2.12";
const FILES: &str = "wasi:filesystem/types@0.2.12";

/// Bytes of a request's method and authority: no server knows longer ones.
const WORD: usize = 512;

/// Listings of folders that are held at once: the host has all names of each.
const LISTINGS: usize = 16;

type Request = Resource<HostOutgoingRequest>;
type Answer = Resource<HostFutureIncomingResponse>;

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
    linker.instance(HANDLER)?.func_wrap(
        "handle",
        |mut store, (request, options): (Request, Option<Resource<RequestOptions>>)| {
            Ok((handle(store.data_mut(), request, options)?,))
        },
    )?;
    add_listings(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn add_listings(linker: &mut Linker<SinkHost>) -> wasmtime::Result<()> {
    let mut files = linker.instance(FILES)?;
    // WASI itself follows no link out of a folder; who opens the folder by its name
    // the next time, and whoever else reads what is in it, would.
    files.func_wrap(
        "[method]descriptor.symlink-at",
        |_, (_, _, _): (Resource<Descriptor>, String, String)| {
            Ok((Err::<(), _>(ErrorCode::NotPermitted),))
        },
    )?;
    files.func_wrap_async(
        "[method]descriptor.read-directory",
        |mut store, (folder,): (Resource<Descriptor>,)| {
            Box::new(async move {
                let host = store.data_mut();
                if host.listings >= LISTINGS {
                    return Ok((Err(ErrorCode::InsufficientMemory),));
                }
                let listing = host.filesystem().read_directory(folder).await;
                host.listings += usize::from(listing.is_ok());
                Ok((match listing {
                    Ok(listing) => Ok(listing),
                    Err(error) => Err(host.filesystem().convert_error_code(error)?),
                },))
            })
        },
    )?;
    files.resource(
        "directory-entry-stream",
        ResourceType::host::<ReaddirIterator>(),
        |mut store, number| {
            let host = store.data_mut();
            host.listings = host.listings.saturating_sub(1);
            let listing = Resource::<ReaddirIterator>::new_own(number);
            host.filesystem().table.delete(listing)?;
            Ok(())
        },
    )
}

/// A request's options are given away with it, and `wasmtime-wasi-http` keeps them for good: after
/// as many requests as there may be resources there is room for no other.
fn handle(
    host: &mut SinkHost,
    request: Request,
    options: Option<Resource<RequestOptions>>,
) -> wasmtime::Result<Result<Answer, HttpError>> {
    let lent = options.as_ref().map(|own| Resource::new_borrow(own.rep()));
    let mut http = host.http();
    let answer = http.handle(request, lent);
    if let Some(options) = options {
        HostRequestOptions::drop(&mut http, options)?;
    }
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(error) => Ok(Err(http.convert_error_code(error)?)),
    }
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
