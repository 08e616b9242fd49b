//! Calls of a transaction: they are made again for as long as librdkafka says that they may be.

use std::time::Duration;

use azud_model::Error;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::producer::Out;
use crate::stopwatch::Stopwatch;

/// How long a step of a transaction may take before it is called indefinite.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long one call waits.
pub(super) const CALL: Duration = Duration::from_secs(5);

/// What is known of a transaction that was not committed.
pub(super) enum Failure {
    /// It was not, and can be rolled back.
    Abortable(Error),
    /// Nothing: the producer is of no use any more.
    Indefinite(Error),
}

// === impl Failure ===

impl Failure {
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Abortable(error) | Self::Indefinite(error) => error,
        }
    }
}

/// Calls again for as long as it may, within reason.
pub(super) fn patiently(
    out: &Out,
    what: &str,
    call: impl Fn(&Out) -> Result<(), KafkaError>,
) -> Result<(), Failure> {
    let started = Stopwatch::start();
    let mut is_told = false;
    loop {
        let Err(error) = call(out) else {
            return Ok(());
        };
        let KafkaError::Transaction(details) = &error else {
            return Err(Failure::Indefinite(out.failed(what, error)));
        };
        if details.is_retriable() && started.elapsed() < PATIENCE {
            if !std::mem::replace(&mut is_told, true) {
                let error = out.failed(what, error.clone());
                tracing::warn!("{error}, trying again");
            }
            continue;
        }
        let is_abortable = details.txn_requires_abort();
        let is_fenced = matches!(
            details.code(),
            Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch
        );
        let error = match is_fenced {
            true => Error::unavailable(
                "a transaction was ended by its coordinator, because it took longer than \
                 `transaction.timeout.ms`, or by another process",
            ),
            false => out.failed(what, error),
        };
        return Err(match is_abortable {
            true => Failure::Abortable(error),
            false => Failure::Indefinite(error),
        });
    }
}
