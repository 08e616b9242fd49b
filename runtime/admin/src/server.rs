//! Serves the endpoint.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use azud_engine::Control;
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, oneshot};

use crate::TOKEN;
use crate::change::MakePlan;
use crate::guard::Guard;
use crate::listener::{Few, Requests};
use crate::rates::Rates;
use crate::routes::{Shared, router};

/// How long answers may take that are under way when it ends.
const GOODBYE: Duration = Duration::from_secs(1);

/// So many may wait for the end of the run.
const WAITERS: usize = 16;

/// An endpoint that is served until this is dropped.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    /// Dropped to end it.
    ends: Option<oneshot::Sender<()>>,
    /// Tells that it has ended.
    ended: mpsc::Receiver<()>,
}

/// Why it cannot be served.
#[derive(Debug)]
pub enum AdminError {
    /// Nobody else may be there.
    Listen(SocketAddr, io::Error),
    /// Others can reach it, and no token says which of them may.
    NoToken(SocketAddr),
    /// No request can bring the token.
    BadToken,
}

// === impl Admin ===

impl Admin {
    /// Serves what is asked of a run, on a thread of its own. `token` is what requests have to
    /// bring; `make_plan` makes plans of manifests that are sent.
    ///
    /// # Errors
    /// Where it cannot listen there, or should not.
    pub fn start(
        address: SocketAddr,
        token: Option<&str>,
        control: Control,
        make_plan: Arc<MakePlan>,
    ) -> Result<Self, AdminError> {
        let token = token.filter(|token| !token.is_empty());
        let is_sent = |token: &str| token.bytes().all(|byte| byte.is_ascii_graphic());
        if token.is_some_and(|token| !is_sent(token)) {
            return Err(AdminError::BadToken);
        }
        if token.is_none() && !address.ip().is_loopback() {
            return Err(AdminError::NoToken(address));
        }
        let cannot = |error| AdminError::Listen(address, error);
        let listener = TcpListener::bind(address).map_err(cannot)?;
        listener.set_nonblocking(true).map_err(cannot)?;
        let bound = listener.local_addr().map_err(cannot)?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(cannot)?;
        let rates = Rates::default();
        let watched = rates.clone().watch(control.clone());
        let shared = Shared {
            control,
            rates,
            make_plan,
            plans: Arc::new(Semaphore::new(1)),
            looks: Arc::new(Semaphore::new(1)),
            waiters: Arc::new(Semaphore::new(WAITERS)),
        };
        let router = router(shared, Guard::new(token));
        let (ends, ended) = oneshot::channel::<()>();
        let (has_ended, waits) = mpsc::sync_channel(1);
        let serves = move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
                    return;
                };
                // Ends with the runtime.
                tokio::spawn(watched);
                let router = router.into_make_service_with_connect_info::<Requests>();
                let serves =
                    axum::serve(Few::new(listener), router).with_graceful_shutdown(async {
                        // Its sender never sends.
                        let _ = ended.await;
                    });
                let _ = serves.await;
            });
            let _ = has_ended.send(());
            // A component may be at the compiler's still.
            runtime.shutdown_background();
        };
        let thread = thread::Builder::new().name("azud-admin".into());
        thread.spawn(serves).map_err(cannot)?;
        Ok(Self {
            address: bound,
            ends: Some(ends),
            ended: waits,
        })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Admin {
    /// Whoever has asked is answered first, but for those who take long to read it.
    fn drop(&mut self) {
        self.ends = None;
        let _ = self.ended.recv_timeout(GOODBYE);
    }
}

// === impl AdminError ===

impl fmt::Display for AdminError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, error) => {
                write!(
                    f,
                    "cannot listen on {address}: {error}; --listen names another address"
                )
            }
            Self::BadToken => write!(
                f,
                "{TOKEN} has letters that a header cannot bring: take those of ASCII, digits and \
                 signs, without spaces"
            ),
            Self::NoToken(address) => write!(
                f,
                "others could reach {address} and change what runs: put a secret into {TOKEN}, or \
                 listen on 127.0.0.1"
            ),
        }
    }
}

impl std::error::Error for AdminError {}
