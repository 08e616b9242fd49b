//! Asks the endpoint of a pipeline.

use std::fmt;
use std::time::Duration;

use serde::de::{DeserializeOwned, IgnoredAny};
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body, RequestBuilder, Timeout};

use crate::answers::{
    Applied, Changed, ChangesStatus, Ended, Failed, ReplayRequest, Replayed, ShadowStatus, Status,
};
use crate::tap::TapLines;

/// The largest answer.
const ANSWER: u64 = 16 << 20;

/// What the same request may be answered otherwise at another time.
const NOT_NOW: [StatusCode; 3] = [
    StatusCode::CONFLICT,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::TOO_MANY_REQUESTS,
];

/// How long an answer may take that nobody has to wait for.
const ANSWERS: Duration = Duration::from_secs(30);

/// How long one may take that tells of the end, or that it has not come: twice as long as it does.
const ENDS: Duration = Duration::from_secs(60);

/// How long a connection is tried.
const CONNECT: Duration = Duration::from_secs(5);

/// Asks the endpoint at one address.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    /// `host:port`.
    address: String,
    token: Option<String>,
}

/// A component that is sent.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// Where it came from, for messages.
    pub name: &'a str,
    /// What it has to be.
    pub sha256: Option<&'a str>,
    /// Its bytes.
    pub component: &'a [u8],
}

/// Why there is no answer, or not the wanted one.
#[derive(Debug)]
pub enum ClientError {
    /// Nobody answers there.
    Away(String),
    /// The pipeline's own word: it cannot be done.
    Refused(String),
    /// It was not tried: something else is under way.
    Busy(String),
    /// It was tried, and could not be done now.
    TakenBack(String),
}

// === impl Client ===

impl Client {
    /// Of the endpoint at `host:port`; `token` is what it wants to see, if it does.
    pub fn new(address: &str, token: Option<String>) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .proxy(None)
            .build();
        Self {
            agent: Agent::new_with_config(config),
            address: address.to_owned(),
            token,
        }
    }

    /// What the pipeline does.
    ///
    /// # Errors
    /// Where nobody answers, or may not be asked.
    pub fn status(&self) -> Result<Status, ClientError> {
        let request = self.agent.get(self.url("/status"));
        let request = request.config().timeout_global(Some(ANSWERS)).build();
        self.answer(self.with_token(request).call())
    }

    /// Waits until the run has ended; answers how.
    ///
    /// # Errors
    /// Where nobody answers, or the pipeline has gone without a word.
    pub fn end(&self) -> Result<Ended, ClientError> {
        loop {
            let request = self.agent.get(self.url("/end"));
            let request = request.config().timeout_global(Some(ENDS)).build();
            let ended: Ended = self.answer(self.with_token(request).call())?;
            if ended.ended {
                return Ok(ended);
            }
        }
    }

    /// Lets another component of a node take over; waits until it has, or does not.
    ///
    /// # Errors
    /// Why it does not.
    pub fn reload(&self, node: &str, sent: &Sent<'_>) -> Result<Changed, ClientError> {
        self.send(&format!("/nodes/{node}/plugin"), sent)
    }

    /// Lets another component of a node run beside the one that serves.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn begin_shadow(&self, node: &str, sent: &Sent<'_>) -> Result<ShadowStatus, ClientError> {
        self.send(&format!("/nodes/{node}/shadow"), sent)
    }

    /// What came of that so far.
    ///
    /// # Errors
    /// Where nothing runs beside a node's version.
    pub fn shadow(&self, node: &str) -> Result<ShadowStatus, ClientError> {
        let request = self.agent.get(self.url(&format!("/nodes/{node}/shadow")));
        self.answer(self.with_token(request).call())
    }

    /// Lets the component beside a node's version take over, as [`Self::reload`] does.
    ///
    /// # Errors
    /// Why it does not.
    pub fn promote(&self, node: &str) -> Result<Changed, ClientError> {
        let url = self.url(&format!("/nodes/{node}/shadow/promote"));
        self.answer(self.with_token(self.agent.post(url)).send_empty())
    }

    /// Ends what runs beside a node's version; answers what came of it.
    ///
    /// # Errors
    /// Where nothing does.
    pub fn forget(&self, node: &str) -> Result<ShadowStatus, ClientError> {
        let url = self.url(&format!("/nodes/{node}/shadow"));
        self.answer(self.with_token(self.agent.delete(url)).call())
    }

    /// What a manifest would change of the pipeline; `name` is for messages.
    ///
    /// # Errors
    /// What is wrong with it, or why it cannot take over at all.
    pub fn plan(&self, name: &str, manifest: &str) -> Result<ChangesStatus, ClientError> {
        self.send_manifest("/manifest/plan", name, manifest, &[])
    }

    /// Lets a manifest take over; waits until it has, or does not. Nodes of `allow_reset` may begin
    /// anew.
    ///
    /// # Errors
    /// Why it does not.
    pub fn apply(
        &self,
        name: &str,
        manifest: &str,
        allow_reset: &[String],
    ) -> Result<Applied, ClientError> {
        self.send_manifest("/manifest", name, manifest, allow_reset)
    }

    fn send_manifest<T: DeserializeOwned>(
        &self,
        path: &str,
        name: &str,
        manifest: &str,
        allow_reset: &[String],
    ) -> Result<T, ClientError> {
        let request = self.agent.post(self.url(path)).query("name", name);
        let request = match allow_reset {
            [] => request,
            nodes => request.query("allow_reset", nodes.join(",")),
        };
        let request = request.header("content-type", "application/yaml");
        self.answer(self.with_token(request).send(manifest))
    }

    /// Gives dead letters to their nodes again; waits until that is committed.
    ///
    /// # Errors
    /// Why they are not.
    pub fn replay(&self, request: &ReplayRequest) -> Result<Replayed, ClientError> {
        let url = self.url("/dead-letters/replay");
        let body = serde_json::to_vec(request);
        let body = body.map_err(|error| ClientError::Refused(error.to_string()))?;
        let sends = self
            .agent
            .post(url)
            .header("content-type", "application/json");
        self.answer(self.with_token(sends).send(&body[..]))
    }

    /// Rows that pass a node from now on: at most so many a second, and until there are so many.
    ///
    /// # Errors
    /// Why there are none.
    pub fn tap(&self, node: &str, rate: u32, limit: Option<u64>) -> Result<TapLines, ClientError> {
        let url = self.url(&format!("/nodes/{node}/tap"));
        let request = self.agent.get(url).query("rate", rate.to_string());
        let request = match limit {
            Some(limit) => request.query("limit", limit.to_string()),
            None => request,
        };
        match self.with_token(request).call() {
            Ok(answer) if answer.status().is_success() => {
                Ok(TapLines::new(answer.into_body(), &self.address))
            }
            refused => self.answer(refused).and_then(|IgnoredAny| {
                let address = &self.address;
                Err(ClientError::Away(format!("{address} answered no rows")))
            }),
        }
    }

    fn send<T: DeserializeOwned>(&self, path: &str, sent: &Sent<'_>) -> Result<T, ClientError> {
        let request = self.agent.post(self.url(path)).query("name", sent.name);
        let request = match sent.sha256 {
            Some(sha256) => request.query("sha256", sha256),
            None => request,
        };
        let request = request.header("content-type", "application/wasm");
        self.answer(self.with_token(request).send(sent.component))
    }

    fn with_token<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn answer<T: DeserializeOwned>(
        &self,
        answered: Result<Response<Body>, ureq::Error>,
    ) -> Result<T, ClientError> {
        let address = &self.address;
        let mut answer = answered.map_err(|error| {
            ClientError::Away(match error {
                ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => format!(
                    "nobody can be reached at {address} within {} s",
                    CONNECT.as_secs()
                ),
                ureq::Error::Timeout(_) => format!(
                    "what listens at {address} gives no answer: its process is stopped or \
                     overloaded, or is not azud"
                ),
                error => format!(
                    "no pipeline answers at {address}: {error}; start it with `azud run FILE \
                     --listen {address}`"
                ),
            })
        })?;
        let code = answer.status();
        let text = answer
            .body_mut()
            .with_config()
            .limit(ANSWER)
            .read_to_string();
        let text = text.map_err(|error| ClientError::Away(format!("{address}: {error}")))?;
        if code.is_success()
            && let Ok(answer) = serde_json::from_str(&text)
        {
            return Ok(answer);
        }
        Err(match serde_json::from_str(&text) {
            Ok(Failed { error, busy: true }) => ClientError::Busy(error),
            Ok(Failed { error, .. }) if NOT_NOW.contains(&code) => ClientError::TakenBack(error),
            Ok(Failed { error, .. }) => ClientError::Refused(error),
            Err(_) => ClientError::Away(format!(
                "{address} is no pipeline of azud: it answered {code}"
            )),
        })
    }
}

// === impl ClientError ===

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(why) | Self::Refused(why) | Self::Busy(why) | Self::TakenBack(why) => {
                f.write_str(why)
            }
        }
    }
}

impl std::error::Error for ClientError {}
