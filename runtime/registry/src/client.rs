//! Questions to a registry.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use azud_model::{Error, Result};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use serde_json::json;

use crate::answer::{self, Found};

/// A longer answer is none.
const LARGEST_ANSWER: usize = 8 << 20;

/// So long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// So long an answer may take.
const ANSWER: Duration = Duration::from_secs(30);

/// Who asks.
#[derive(Clone, Default)]
pub enum Credentials {
    /// Nobody in particular.
    #[default]
    None,
    /// User and password.
    Basic(String, String),
    /// A bearer token.
    Token(String),
}

/// A registry.
pub struct Registry {
    url: Url,
    credentials: Credentials,
    /// How long it may take to answer.
    timeout: Duration,
    /// Made when it is first needed: it reads the certificates that the system trusts.
    client: OnceLock<Client>,
}

/// An answer, with a body that is not too long.
struct Answer {
    status: StatusCode,
    /// `None`: it is too long.
    body: Option<Vec<u8>>,
}

// === impl Registry ===

impl Registry {
    /// A registry at that address, which may have a path, and user and password. Nothing is asked yet.
    ///
    /// # Errors
    /// `Invalid` if it is no address of HTTP; the text never has a password.
    pub fn new(address: &str, credentials: Credentials) -> Result<Self> {
        let wrong = |why: &str| Error::invalid(format!("the address of the registry {why}"));
        let mut url: Url = address
            .parse()
            .map_err(|_| wrong("is none: write http://host:port, or https://"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(wrong("is not one of http:// or https://"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("has a `?` or `#`: only a path can follow the host"));
        }
        let credentials = match (&credentials, url.username(), url.password()) {
            (_, "", None) => credentials,
            (Credentials::None, user, password) => {
                Credentials::Basic(decoded(user), decoded(password.unwrap_or_default()))
            }
            _ => return Err(wrong("has a user, and there are `user` or `token` too")),
        };
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(Self {
            url,
            credentials,
            timeout: ANSWER,
            client: OnceLock::new(),
        })
    }

    #[cfg(test)]
    pub(crate) fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The schema of an id.
    ///
    /// # Errors
    /// `Unavailable` if the registry is away, or cannot answer now. `Invalid` if it does not let
    /// us ask, or is not at this address.
    pub(crate) async fn schema(&self, id: u64) -> Result<Found> {
        let request = self.request(Method::GET, &["schemas", "ids", &id.to_string()])?;
        let answer = self.ask(request).await?;
        let Some(body) = answer.body else {
            return Ok(Found::None("the answer is longer than 8 MiB".to_owned()));
        };
        Ok(match answer.status {
            StatusCode::OK => answer::schema(&body),
            StatusCode::NOT_FOUND => Found::None("it has no such schema".to_owned()),
            other => Found::None(format!("it answers {other}{}", answer::words(&body))),
        })
    }

    /// Registers a schema under a subject, or finds it there; answers its id.
    ///
    /// # Errors
    /// As for a question; `Invalid` also if the registry refuses the schema.
    pub async fn register(&self, subject: &str, schema: &str) -> Result<u64> {
        let request = self.request(Method::POST, &["subjects", subject, "versions"])?;
        let body = json!({ "schema": schema }).to_string();
        let request = request
            .header("Content-Type", "application/vnd.schemaregistry.v1+json")
            .body(body);
        let answer = self.ask(request).await?;
        let within = |error: Error| error.within(format!("{self}, subject `{subject}`"));
        let body = answer.body.unwrap_or_default();
        match answer.status {
            StatusCode::OK => answer::id(&body).map_err(within),
            StatusCode::CONFLICT => Err(within(Error::invalid(format!(
                "the schema does not fit those registered before{}",
                answer::words(&body)
            )))),
            other => Err(within(Error::invalid(format!(
                "the schema is refused, {other}{}",
                answer::words(&body)
            )))),
        }
    }

    fn request(&self, method: Method, path: &[&str]) -> Result<RequestBuilder> {
        let mut url = self.url.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => drop(segments.pop_if_empty().extend(path)),
            Err(()) => return Err(Error::internal("an address of http has no path")),
        }
        let request = self.client()?.request(method, url);
        let request = request.timeout(self.timeout).header(
            "Accept",
            "application/vnd.schemaregistry.v1+json, application/json",
        );
        Ok(match &self.credentials {
            Credentials::None => request,
            Credentials::Basic(user, password) => request.basic_auth(user, Some(password)),
            Credentials::Token(token) => request.bearer_auth(token),
        })
    }

    fn client(&self) -> Result<&Client> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // Who is sent elsewhere would show passwords there.
        let made = Client::builder()
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .build();
        let made = made.map_err(|error| Error::internal("cannot speak https").because(error))?;
        Ok(self.client.get_or_init(|| made))
    }

    /// Sends, and takes out what is the same of every question.
    async fn ask(&self, request: RequestBuilder) -> Result<Answer> {
        let away = |error: reqwest::Error| {
            Error::unavailable(format!("{self} does not answer: {}", causes(&error)))
        };
        let mut response = request.send().await.map_err(away)?;
        let status = response.status();
        let mut body = Some(Vec::new());
        while let Some(bytes) = response.chunk().await.map_err(away)? {
            match &mut body {
                Some(all) if all.len() + bytes.len() <= LARGEST_ANSWER => all.extend(&bytes),
                _ => {
                    body = None;
                    break;
                }
            }
        }
        let words = || answer::words(body.as_deref().unwrap_or_default());
        let wrong = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Error::invalid(format!(
                "{self} does not let us ask, {status}: look at `user` and `password`, or `token`"
            )),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                Error::unavailable(format!("{self} cannot answer now, {status}{}", words()))
            }
            _ if status.is_server_error() => {
                Error::unavailable(format!("{self} cannot answer now, {status}{}", words()))
            }
            _ if status.is_redirection() => Error::invalid(format!(
                "{self} sends us to another address, {status}: write that as `registry`"
            )),
            _ => return Ok(Answer { status, body }),
        };
        Err(wrong)
    }
}

/// In a sentence: the address without what is secret.
impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the schema registry at {}", self.url)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.url.as_str()).finish()
    }
}

// === impl Credentials ===

/// Without the secret.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic(..) => "Basic",
            Self::Token(_) => "Token",
        })
    }
}

/// `%40` in an address is `@`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.split_at_checked(2).filter(|_| *first == b'%');
        let byte = digits
            .and_then(|(digits, _)| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match byte.zip(digits) {
            Some((byte, (_, after))) => {
                bytes.push(byte);
                rest = after;
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An error's causes, without the address of the request, which may have been told another way.
fn causes(error: &reqwest::Error) -> String {
    let what = match error.is_timeout() {
        true => "it takes too long",
        false => "the request failed",
    };
    let mut text = what.to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
