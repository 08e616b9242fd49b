//! Requests over WASI HTTP.

use std::time::Duration;

use wasip2::{
    clocks::monotonic_clock,
    http::{
        outgoing_handler,
        types::{
            ErrorCode, Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody,
            OutgoingRequest, RequestOptions, Scheme,
        },
    },
    io::{
        poll::{Pollable, poll},
        streams::StreamError,
    },
    random::random::get_random_bytes,
};

use crate::transport::{Failure, Request, Response, Transport, wanted};

/// The host's HTTP.
pub(crate) struct Wasi;

/// The time that is left for a request.
struct Deadline {
    timer: Pollable,
    timeout: Duration,
}

// === impl Wasi ===

impl Transport for Wasi {
    fn post(&mut self, request: &Request<'_>) -> Result<Response, Failure> {
        let deadline = Deadline::new(request.timeout);
        let message = message(request)?;
        let body = message.body().map_err(|()| never("has no body"))?;
        let options = options(request.timeout);
        let answer = outgoing_handler::handle(message, Some(options))
            .map_err(|code| failure(&code, request.timeout))?;
        // A server may answer, or go away, before it has read everything: what comes
        // of the answer counts.
        send(body, request.body, &deadline)?;
        let response = answered(&answer, &deadline)?;
        read(response, &deadline)
    }

    fn random(&mut self) -> u128 {
        let bytes = get_random_bytes(16);
        bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u128::from(*byte))
    }

    fn now(&mut self) -> Duration {
        Duration::from_nanos(monotonic_clock::now())
    }
}

// === impl Deadline ===

impl Deadline {
    fn new(timeout: Duration) -> Self {
        Self {
            timer: monotonic_clock::subscribe_duration(nanos(timeout)),
            timeout,
        }
    }

    /// Waits until something is ready, or fails when the time is up.
    fn wait(&self, ready: &Pollable) -> Result<(), Failure> {
        match poll(&[ready, &self.timer]).contains(&0) {
            true => Ok(()),
            false => Err(too_slow(self.timeout)),
        }
    }
}

fn message(request: &Request<'_>) -> Result<OutgoingRequest, Failure> {
    let mut headers = request.headers.to_vec();
    headers.push(("idempotency-key".into(), request.key.into()));
    headers.push((
        "content-length".into(),
        request.body.len().to_string().into(),
    ));
    let headers =
        Fields::from_list(&headers).map_err(|error| never(&format!("has bad headers: {error}")))?;
    let endpoint = request.endpoint;
    let scheme = match endpoint.https {
        true => Scheme::Https,
        false => Scheme::Http,
    };
    let message = OutgoingRequest::new(headers);
    message
        .set_method(&Method::Post)
        .and_then(|()| message.set_scheme(Some(&scheme)))
        .and_then(|()| message.set_authority(Some(&endpoint.authority)))
        .and_then(|()| message.set_path_with_query(Some(&endpoint.path)))
        .map_err(|()| never("has a bad `url`"))?;
    Ok(message)
}

/// What a host does not support of it, the deadline does.
fn options(timeout: Duration) -> RequestOptions {
    let options = RequestOptions::new();
    let nanos = Some(nanos(timeout));
    let _ = options.set_connect_timeout(nanos);
    let _ = options.set_first_byte_timeout(nanos);
    let _ = options.set_between_bytes_timeout(nanos);
    options
}

/// Sends the body; fails only where the time is up.
fn send(body: OutgoingBody, mut bytes: &[u8], deadline: &Deadline) -> Result<(), Failure> {
    let Ok(stream) = body.write() else {
        return Ok(());
    };
    while !bytes.is_empty() {
        let Ok(permit) = stream.check_write() else {
            return Ok(());
        };
        let permit = usize::try_from(permit).unwrap_or(usize::MAX);
        if permit == 0 {
            deadline.wait(&stream.subscribe())?;
            continue;
        }
        let (now, later) = bytes.split_at(permit.min(bytes.len()));
        if stream.write(now).is_err() {
            return Ok(());
        }
        bytes = later;
    }
    if stream.flush().is_ok() {
        deadline.wait(&stream.subscribe())?;
    }
    // Of a body and its stream, the stream ends first.
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
    Ok(())
}

fn answered(
    answer: &FutureIncomingResponse,
    deadline: &Deadline,
) -> Result<IncomingResponse, Failure> {
    loop {
        match answer.get() {
            Some(Ok(Ok(response))) => return Ok(response),
            Some(Ok(Err(code))) => return Err(failure(&code, deadline.timeout)),
            Some(Err(())) => return Err(never("was answered twice")),
            None => deadline.wait(&answer.subscribe())?,
        }
    }
}

fn read(response: IncomingResponse, deadline: &Deadline) -> Result<Response, Failure> {
    let status = response.status();
    let headers = response.headers();
    let header = |name: &str| {
        let first = headers.get(name).into_iter().next()?;
        String::from_utf8(first).ok()
    };
    let mut answer = Response {
        status,
        retry_after: header("retry-after"),
        date: header("date"),
        ..Response::default()
    };
    drop(headers);
    let wanted = wanted(status);
    if wanted == 0 {
        return Ok(answer);
    }
    let ended = read_body(&response, wanted, &mut answer, deadline);
    // A body that broke off may end within a secret.
    answer.cut |= ended.is_err();
    // Of an error, what came is enough; what became of rows has to be whole.
    match (status, ended) {
        (207, Err(failure)) => Err(failure),
        _ => Ok(answer),
    }
}

/// Appends up to `wanted` bytes of the body.
fn read_body(
    response: &IncomingResponse,
    wanted: usize,
    answer: &mut Response,
    deadline: &Deadline,
) -> Result<(), Failure> {
    let broken = || Failure::Later("broke off within its answer".into());
    let body = response.consume().map_err(|()| broken())?;
    let stream = body.stream().map_err(|()| broken())?;
    loop {
        match stream.read(16 << 10) {
            Ok(bytes) if bytes.is_empty() => deadline.wait(&stream.subscribe())?,
            Ok(bytes) => answer.body.extend_from_slice(&bytes),
            Err(StreamError::Closed) => return Ok(()),
            Err(StreamError::LastOperationFailed(_)) => return Err(broken()),
        }
        if answer.body.len() > wanted {
            answer.body.truncate(wanted);
            answer.cut = true;
            return Ok(());
        }
    }
}

fn failure(code: &ErrorCode, timeout: Duration) -> Failure {
    match code {
        ErrorCode::HttpRequestDenied => Failure::Denied,
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => too_slow(timeout),
        ErrorCode::ConnectionRefused => Failure::Later("refuses the connection".into()),
        ErrorCode::DnsError(_) | ErrorCode::DnsTimeout => {
            Failure::Later("is a name that cannot be resolved".into())
        }
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => {
            Failure::Later("closed the connection".into())
        }
        ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_) => {
            Failure::Never(format!("was not sent a request: {}", name(code)))
        }
        other => Failure::Later(format!("cannot be reached: {}", name(other))),
    }
}

/// An error's name and what it carries.
fn name(code: &ErrorCode) -> String {
    let text = format!("{code:?}");
    text.trim_start_matches("ErrorCode::").to_owned()
}

fn too_slow(timeout: Duration) -> Failure {
    let millis = timeout.as_millis();
    Failure::Later(format!("did not answer within {millis} ms"))
}

fn never(what: &str) -> Failure {
    Failure::Never(format!("was not sent a request: it {what}"))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
