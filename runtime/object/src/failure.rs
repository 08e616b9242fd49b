//! What an object store's answer means.
//!
//! `object_store` keeps the type with the status to itself, and tells it in its text: the
//! tests of `azud-state` hold this against a server.

use std::error::Error;

use object_store::client::HttpError;

/// Why a request has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It may pass: 5xx, 429, no connection. Whether a write has happened is not known.
    Unavailable(String),
    /// There is no such object.
    NotFound(String),
    /// There is one, and there must be none.
    Exists(String),
    /// It is not what it was.
    Changed(String),
    /// It will not pass.
    Refused(String),
}

/// What is before the status in the text of a failed request.
const STATUS: &str = "status code: ";

pub(crate) fn failure(error: &object_store::Error) -> Failure {
    let text = error.to_string();
    let status = text.split_once(STATUS).map(|(_, rest)| rest);
    let Some(answer) = status else {
        return without_status(error, &text);
    };
    let why = shown(answer);
    let code = answer.get(..3).and_then(|code| code.parse::<u16>().ok());
    match code {
        Some(501) => Failure::Refused(format!(
            "{why}: the store lacks conditional writes or uploads in parts, as S3 has them"
        )),
        Some(408 | 425 | 429 | 500..) => Failure::Unavailable(why),
        // Two writers at once, neither of which may have won.
        Some(409) if answer.contains("ConditionalRequestConflict") => Failure::Unavailable(why),
        Some(404) if answer.contains("NoSuchBucket") => {
            Failure::Refused(format!("{why}: make the bucket, or correct the URL"))
        }
        Some(404) => Failure::NotFound(why),
        Some(304 | 409) => Failure::Exists(why),
        Some(412) if matches!(error, object_store::Error::AlreadyExists { .. }) => {
            Failure::Exists(why)
        }
        Some(412) => Failure::Changed(why),
        Some(401 | 403) => Failure::Refused(format!(
            "{why}: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what that key may do in \
             the bucket (get, put, list, delete)"
        )),
        _ => Failure::Refused(format!("{why}: check AWS_ENDPOINT_URL and AWS_REGION")),
    }
}

/// Nothing answered, or what is no S3, or the store is in memory.
fn without_status(error: &object_store::Error, text: &str) -> Failure {
    use object_store::Error as Of;
    match error {
        Of::NotFound { .. } => return Failure::NotFound(text.to_owned()),
        Of::AlreadyExists { .. } => return Failure::Exists(text.to_owned()),
        Of::Precondition { .. } => return Failure::Changed(text.to_owned()),
        _ => {}
    }
    let mut below: Option<&(dyn Error + 'static)> = Some(error);
    let (mut sent, mut last) = (false, text.to_owned());
    while let Some(error) = below {
        sent |= error.downcast_ref::<HttpError>().is_some();
        last = error.to_string();
        below = error.source();
    }
    // One object of a request to remove some.
    let passes = ["InternalError", "SlowDown", "ServiceUnavailable"];
    if sent || passes.iter().any(|code| text.contains(code)) {
        return Failure::Unavailable(last);
    }
    match text.contains("redirect") {
        true => Failure::Refused(format!("{last}: check AWS_REGION")),
        false => Failure::Refused(last),
    }
}

/// `503 Service Unavailable, SlowDown`, of the text after the status and of its XML.
fn shown(answer: &str) -> String {
    let status = answer.split(": ").next().unwrap_or_default().trim();
    let code = answer.split_once("<Code>").map(|(_, rest)| rest);
    match code.and_then(|rest| rest.split_once("</Code>")) {
        Some((code, _)) if code.len() < 80 => format!("{status}, {code}"),
        _ => status.to_owned(),
    }
}
