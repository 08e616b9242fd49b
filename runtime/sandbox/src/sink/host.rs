//! What a sink's store holds on the host's side: the limits of every plugin, and
//! WASI behind the grants.

use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::{
    FsPerms, HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView,
    random::Deterministic,
};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::{
    Setup, guard,
    network::{self, Network},
    stdio::{LastLine, Printed},
};
use crate::{
    GuestError, Level,
    bindings::sink::TransactionalSinkPlugin,
    host::Host,
    limits::{RANDOM, RESOURCES},
};

/// Bytes of the headers of a request: servers take less.
const HEADERS: usize = 1 << 15;

/// The host's side of one instance of a sink.
pub(crate) struct SinkHost {
    pub(crate) base: Host,
    pub(super) network: Network,
    /// Listings of folders that it holds.
    pub(super) listings: usize,
    printed: LastLine,
    /// Standard output and standard error.
    streams: [Printed; 2],
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
}

// === impl SinkHost ===

impl SinkHost {
    pub(super) fn new(setup: &Setup) -> Result<Self, GuestError> {
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(HEADERS);
        let printed = LastLine::default();
        let stream = |level| Printed::new(setup.clone(), level, Arc::clone(&printed));
        let streams = [Level::Info, Level::Warn].map(stream);
        let network = Network::new(setup.clone());
        let base = Host::new(setup.limits.clone(), setup.lines.clone());
        Ok(Self {
            base,
            wasi: wasi(setup, &network, &streams)?,
            network,
            listings: 0,
            printed,
            streams,
            http,
            table,
        })
    }

    /// Forgets what the last call left behind.
    pub(super) fn start_call(&mut self) {
        self.base.start_call();
        *self.printed() = None;
    }

    /// What it logged or printed last in this call.
    pub(super) fn last_line(&mut self) -> Option<String> {
        let printed = self.printed().take();
        self.base.last_line.take().or(printed)
    }

    /// Tells lines that have no end: the instance goes, and no end will come.
    pub(super) fn end_lines(&self) {
        self.streams.iter().for_each(Printed::end);
    }

    fn printed(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        let printed = self.printed.lock();
        printed.unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for SinkHost {
    fn drop(&mut self) {
        self.end_lines();
    }
}

/// Defines what a sink may import: the log, and WASI 0.2.
pub(crate) fn add_to_linker(linker: &mut Linker<SinkHost>) -> wasmtime::Result<()> {
    TransactionalSinkPlugin::add_to_linker::<_, HasSelf<Host>>(linker, |host| &mut host.base)?;
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    network::add_names_to_linker(linker)?;
    guard::add_to_linker(linker)
}

/// WASI as far as the grants go: without any, nothing is there.
fn wasi(
    setup: &Setup,
    network: &Network,
    [stdout, stderr]: &[Printed; 2],
) -> Result<WasiCtx, GuestError> {
    let (grants, mut wasi) = (&setup.grants, WasiCtx::builder());
    wasi.stdout(stdout.clone()).stderr(stderr.clone());
    for (name, value) in grants.env.iter().chain(&grants.secrets) {
        wasi.env(name, value);
    }
    for folder in &grants.dirs {
        let access = match folder.write {
            true => FsPerms::ReadWrite,
            false => FsPerms::ReadOnly,
        };
        wasi.preopened_dir(&folder.path, &folder.name, access)
            .map_err(|error| GuestError::Start {
                reason: format!(
                    "cannot open the granted folder {}: {}",
                    folder.path.display(),
                    error.root_cause()
                ),
            })?;
    }
    wasi.allow_udp(false).allow_tcp(!grants.tcp.is_empty());
    let names = network.clone();
    wasi.allow_ip_name_lookup(!grants.tcp.is_empty());
    wasi.socket_addr_check(move |address, purpose| {
        let names = names.clone();
        Box::pin(async move { names.allows_tcp(address, purpose).await })
    });
    if !grants.network() {
        // Who reaches nobody needs neither the time nor randomness: as for a transform.
        wasi.wall_clock(Standing).monotonic_clock(Standing);
        wasi.secure_random(Deterministic::new(vec![0x5d; 8]));
        wasi.insecure_random(Deterministic::new(vec![0x5d; 8]));
        wasi.insecure_random_seed(0);
    }
    wasi.max_random_size(RANDOM);
    Ok(wasi.build())
}

/// A clock at zero.
struct Standing;

impl HostWallClock for Standing {
    fn resolution(&self) -> std::time::Duration {
        std::time::Duration::from_secs(1)
    }

    fn now(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

impl HostMonotonicClock for Standing {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        0
    }
}

impl WasiView for SinkHost {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for SinkHost {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.network,
        }
    }
}
