//! From an error of librdkafka to what the runtime does about it.

use azud_model::{Error, ErrorKind};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::client::Told;

/// Whether it says only that no broker can be reached.
pub(crate) fn is_down(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(Code::AllBrokersDown | Code::OperationTimedOut)
    )
}

/// The error of a call: `what` could not be done. What the client has told since is the reason,
/// where the call only knows that it took too long.
pub(crate) fn of(what: impl Into<String>, error: KafkaError, told: &Told) -> Error {
    let known = told.take();
    let (error, reason) = match known {
        Some((known, reason)) if vague(&error) => (known, Some(reason)),
        _ => (error, None),
    };
    let code = error.rdkafka_error_code();
    let kind = code.map_or(ErrorKind::Invalid, kind);
    let reason = match (code.and_then(sentence), reason) {
        (Some(sentence), _) => sentence.to_owned(),
        (None, Some(reason)) => plain(&reason),
        (None, None) => code.map_or_else(|| error.to_string(), words),
    };
    Error::new(kind, format!("{}: {reason}", what.into()))
}

/// The error of making a client.
pub(crate) fn client(error: KafkaError) -> Error {
    let reason = match error {
        KafkaError::ClientCreation(why) => plain(&why),
        other => plain(&other.to_string()),
    };
    Error::invalid(format!("cannot make a client of Kafka: {reason}"))
}

/// Whether the reason is to be found elsewhere.
fn vague(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(Code::AllBrokersDown | Code::OperationTimedOut | Code::BrokerTransportFailure)
    )
}

/// What the runtime does about a code.
pub(crate) fn kind(code: Code) -> ErrorKind {
    match code {
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::SaslAuthenticationFailed
        | Code::Authentication
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState
        | Code::SecurityDisabled
        | Code::InvalidTopic
        | Code::UnknownTopic
        | Code::UnknownTopicOrPartition
        | Code::UnknownPartition
        | Code::InvalidConfig
        | Code::InvalidArgument
        | Code::UnsupportedFeature
        | Code::UnsupportedVersion
        | Code::PolicyViolation
        | Code::InvalidTransactionTimeout
        | Code::InvalidSessionTimeout
        | Code::InconsistentGroupProtocol
        | Code::FencedInstanceId
        | Code::InvalidGroupId
        | Code::InvalidRecord
        | Code::MessageSizeTooLarge
        | Code::ReadOnly => ErrorKind::Invalid,
        _ => ErrorKind::Unavailable,
    }
}

/// A reason in a sentence of ours, where there is something to do about it.
fn sentence(code: Code) -> Option<&'static str> {
    match code {
        Code::TopicAuthorizationFailed => Some("no permission for the topic (its ACL)"),
        Code::GroupAuthorizationFailed => Some("no permission for the group (its ACL)"),
        Code::TransactionalIdAuthorizationFailed => {
            Some("no permission for the transactional id (its ACL)")
        }
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
            Some("there is no such topic or partition")
        }
        Code::MessageSizeTooLarge => Some(
            "a record, or a request with several, is larger than the topic's `max.message.bytes`: \
             set the property `message.max.bytes` to no more than that, and only a larger record \
             is rejected",
        ),
        Code::InvalidRecord => {
            Some("the broker finds a record invalid: does a compacted topic get one without a key?")
        }
        _ => None,
    }
}

/// What a code says: of `BrokerTransportFailure (Local: Broker transport failure)` the last part.
fn words(code: Code) -> String {
    let text = code.to_string();
    let inside = text
        .split_once('(')
        .map(|(_, inside)| inside.trim_end_matches(')'));
    let inside = inside.unwrap_or(&text);
    plain(inside.split_once(": ").map_or(inside, |(_, what)| what))
}

/// As our errors are: without a full stop, in lower case at the beginning.
fn plain(reason: &str) -> String {
    let reason = reason.trim().trim_end_matches('.');
    let mut letters = reason.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(reason.chars().skip(1)).collect()
        }
        _ => reason.to_owned(),
    }
}
