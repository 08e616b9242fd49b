//! Who a sink may talk to: HTTP requests, TCP connections and host names are held
//! against its grants. What is refused is said once, with the line that would allow it.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Semaphore;
use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::{
    p2::{
        SocketError,
        bindings::sockets::{
            ip_name_lookup::{self, ResolveAddressStream},
            network::{self, ErrorCode, IpAddress},
        },
    },
    sockets::{SocketAddrUse, WasiSocketsCtxView, WasiSocketsView as _},
};
use wasmtime_wasi_http::{
    Error as HttpError, RequestOptions, WasiBody, WasiHttpHooks,
    p2::bindings::http::types::ErrorCode as HttpCode,
};

use super::{Setup, SinkHost};
use crate::{Level, grants::Address, limits::WRITE};

/// Requests that an instance may have under way at once.
const REQUESTS: usize = 16;

/// Refused targets that are told; further ones are not.
const TOLD: usize = 16;

/// Bytes of a refused target that are told: a host name has no more.
const TARGET: usize = 260;

/// The ports of a host that is granted without one.
const HTTP_PORTS: [u16; 2] = [80, 443];

/// The network as one instance sees it.
#[derive(Clone)]
pub(super) struct Network {
    setup: Setup,
    requests: Arc<Semaphore>,
}

/// What was refused and told, by all instances of a sink.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusals(Arc<Mutex<BTreeSet<String>>>);

// === impl Network ===

impl Network {
    pub(super) fn new(setup: Setup) -> Self {
        Self {
            setup,
            requests: Arc::new(Semaphore::new(REQUESTS)),
        }
    }

    /// Tells what was refused, once.
    fn refuse(&self, grant: &str, target: &str) {
        // It is the guest's word, and is kept.
        let target = &self.setup.lines.clean(target, TARGET);
        let told = {
            let refusals = &self.setup.refusals.0;
            let mut told = refusals.lock().unwrap_or_else(PoisonError::into_inner);
            let full = told.len() >= TOLD;
            !full && told.insert(format!("{grant} {target}"))
        };
        if told {
            let line = format!(
                "refused: {grant} {target} is not granted; to allow it, write \
                 `grants: {{ {grant}: [\"{target}\"] }}` at the plugin in the manifest"
            );
            self.setup.lines.log(Level::Warn, &line);
        }
    }

    /// Whether a connection may be made: the address is granted, or a granted name means it.
    pub(super) async fn allows_tcp(&self, address: SocketAddr, purpose: SocketAddrUse) -> bool {
        match purpose {
            SocketAddrUse::TcpConnect => {}
            // What comes before a connection: any free port of any interface.
            SocketAddrUse::TcpBind => return address.ip().is_unspecified() && address.port() == 0,
            _ => return false,
        }
        let (ip, port) = (address.ip().to_canonical(), address.port());
        for granted in &self.setup.grants.tcp {
            if granted.port() != Some(port) {
                continue;
            }
            if granted.is_host(&ip.to_string()) {
                return true;
            }
            if let Ok(mut found) = tokio::net::lookup_host((granted.host(), port)).await
                && found.any(|found| found.ip().to_canonical() == ip)
            {
                return true;
            }
        }
        self.refuse("tcp", &SocketAddr::new(ip, port).to_string());
        false
    }

    /// Whether a name may be looked up: a question for a name can carry data away.
    fn allows_name(&self, name: &str) -> bool {
        let granted = self.setup.grants.tcp.iter();
        let allowed = granted.into_iter().any(|granted| granted.is_host(name));
        if !allowed {
            self.refuse("tcp", &format!("{name}:PORT"));
        }
        allowed
    }
}

impl WasiHttpHooks for Network {
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        WRITE
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ) -> Box<dyn Future<Output = HttpAnswer> + Send> {
        let usual = match request.uri().scheme_str() {
            Some("https") => HTTP_PORTS[1],
            _ => HTTP_PORTS[0],
        };
        let host = request.uri().host().unwrap_or_default().to_owned();
        let port = request.uri().port_u16().unwrap_or(usual);
        let covers = |granted: &Address| granted.covers(&host, port, &HTTP_PORTS);
        // The whole authority is what is looked up: a user in it would be asked of
        // the name server, to carry data away or to mean another host.
        let authority = request.uri().authority().map_or("", |all| all.as_str());
        let has_user = authority.contains('@');
        if has_user || !self.setup.grants.http.iter().any(covers) {
            self.refuse("http", &format!("{host}:{port}"));
            return Box::new(async { Err(HttpError::HttpRequestDenied) });
        }
        let requests = Arc::clone(&self.requests);
        Box::new(async move {
            use http_body_util::BodyExt;

            let slot = requests.acquire_owned().await;
            let slot = slot.map_err(|_| HttpError::ConnectionLimitReached)?;
            let sent = wasmtime_wasi_http::default_send_request(request, options).await;
            let (response, connection) = sent.map_err(quiet)?;
            let connection = async move {
                let _slot = slot;
                // The response's body tells of it too.
                let _ = connection.await;
                Ok(())
            };
            Ok((
                response.map(BodyExt::boxed_unsync),
                Box::new(connection) as Box<dyn Future<Output = _> + Send>,
            ))
        })
    }
}

/// The same without its cause: of a cause `wasmtime-wasi-http` writes a line of the
/// log each time, beside the plugin's rate. The plugin is told the code.
fn quiet(error: HttpError) -> HttpError {
    match error {
        HttpError::Connect(_) => HttpError::ConnectionRefused,
        HttpError::Tls(_) => HttpError::TlsProtocolError,
        HttpError::InvalidDnsNameError(_) => HttpError::DnsError {
            rcode: Some("invalid dns name".to_owned()),
            info_code: None,
        },
        HttpError::Hyper(error) => {
            let cause = std::error::Error::source(&error);
            match cause.is_some_and(|cause| cause.is::<HttpCode>()) {
                true => HttpError::Hyper(error),
                false => HttpError::HttpProtocolError,
            }
        }
        error => error,
    }
}

/// What a request gives: a response, and the connection that it comes over.
type HttpAnswer = Result<
    (
        http::Response<WasiBody>,
        Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ),
    HttpError,
>;

/// Looks granted names up, and refuses others.
struct Names;

/// WASI's sockets, and who may be looked up.
struct NamesView<'a> {
    network: Network,
    sockets: WasiSocketsCtxView<'a>,
}

impl HasData for Names {
    type Data<'a> = NamesView<'a>;
}

/// Puts the check of names before WASI's own lookup.
pub(super) fn add_names_to_linker(linker: &mut Linker<SinkHost>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    ip_name_lookup::add_to_linker::<SinkHost, Names>(linker, |host| NamesView {
        network: host.network.clone(),
        sockets: host.sockets(),
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

impl network::Host for NamesView<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        self.sockets.convert_error_code(error)
    }

    fn network_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        self.sockets.network_error_code(error)
    }
}

impl network::HostNetwork for NamesView<'_> {
    fn drop(&mut self, network: Resource<network::Network>) -> wasmtime::Result<()> {
        network::HostNetwork::drop(&mut self.sockets, network)
    }
}

impl ip_name_lookup::Host for NamesView<'_> {
    fn resolve_addresses(
        &mut self,
        network: Resource<wasmtime_wasi::p2::Network>,
        name: String,
    ) -> Result<Resource<ResolveAddressStream>, SocketError> {
        if !self.network.allows_name(&name) {
            return Err(ErrorCode::AccessDenied.into());
        }
        ip_name_lookup::Host::resolve_addresses(&mut self.sockets, network, name)
    }
}

impl ip_name_lookup::HostResolveAddressStream for NamesView<'_> {
    fn resolve_next_address(
        &mut self,
        stream: Resource<ResolveAddressStream>,
    ) -> Result<Option<IpAddress>, SocketError> {
        self.sockets.resolve_next_address(stream)
    }

    fn subscribe(
        &mut self,
        stream: Resource<ResolveAddressStream>,
    ) -> wasmtime::Result<Resource<wasmtime_wasi::p2::DynPollable>> {
        self.sockets.subscribe(stream)
    }

    fn drop(&mut self, stream: Resource<ResolveAddressStream>) -> wasmtime::Result<()> {
        ip_name_lookup::HostResolveAddressStream::drop(&mut self.sockets, stream)
    }
}
