//! Exactly once: one transaction an epoch, of what the runtime has spooled and recorded.
//!
//! A transaction that may or may not have been committed is never guessed about: the producer is
//! made anew, which settles what the one before has left, and the marker says what is there.

use azud_connect::Recovery;
use azud_model::{Epoch, Error, ErrorKind, Result};
use rdkafka::ClientConfig;
use rdkafka::producer::Producer;

use super::layout::Layout;
use super::marker::{Marker, Markers};
use super::patience::{CALL, Failure, patiently};
use super::producer::Out;
use super::records::RecordsOut;

/// The transactions of a sink. Every call blocks.
pub(super) struct Transactions {
    /// Of the producer: with a transactional id.
    config: ClientConfig,
    topic: Option<String>,
    markers: Markers,
    /// Of consumers, of that group.
    reading: ClientConfig,
    group: String,
    /// `None` where it is to be made anew.
    open: Option<Open>,
    /// Whose epochs these are.
    run: Option<String>,
    /// The last epoch that is there.
    last: Option<Marker>,
    /// Output that may be there beside ours: the marker that `--allow-reset` has passed over, and
    /// the last epoch of ours that it stands for.
    passed_over: Option<(Marker, Option<u64>)>,
}

struct Open {
    out: Out,
    /// The topic that the marker goes to: of the first record; `None` before a transaction begins.
    begun: Option<String>,
}

// === impl Transactions ===

impl Transactions {
    pub(super) fn new(
        config: &ClientConfig,
        reading: &ClientConfig,
        group: &str,
        topic: Option<&str>,
    ) -> Result<Self> {
        Ok(Self {
            markers: Markers::new(reading, group, true)?,
            reading: reading.clone(),
            group: group.to_owned(),
            config: config.clone(),
            topic: topic.map(str::to_owned),
            open: None,
            run: None,
            last: None,
            passed_over: None,
        })
    }

    /// Settles what an earlier process has left, after it was seen whose it is.
    pub(super) fn recover(&mut self, recovery: &Recovery) -> Result<()> {
        self.open = None;
        self.run = Some(recovery.run.clone());
        self.passed_over = None;
        if !recovery.allow_reset {
            // Before anybody is fenced: a transaction that a dead process has left ends with that.
            let now = Markers::new(&self.reading, &self.group, false)?;
            let marker = now.read(self.topic.as_deref())?;
            self.check(marker.as_ref(), recovery.epoch)?;
        }
        self.reopen()?;
        if !recovery.allow_reset {
            return self.check(self.last.as_ref(), recovery.epoch);
        }
        // What is there stays, and says nothing about the epochs that follow the recorded one.
        self.passed_over = self.last.take().map(|last| (last, recovery.epoch));
        self.last = self.counted(self.passed_over.as_ref().map(|(last, _)| last.clone()));
        Ok(())
    }

    /// What a marker that was read says of this run's epochs.
    fn counted(&self, read: Option<Marker>) -> Option<Marker> {
        let read = read?;
        let Some((marker, recorded)) = &self.passed_over else {
            return Some(read);
        };
        if read != *marker {
            return Some(read);
        }
        let is_ours = Some(&read.run) == self.run.as_ref();
        let epoch = recorded.filter(|_| is_ours)?.min(read.epoch);
        Some(Marker { epoch, ..read })
    }

    /// What is there must be this run's, up to the last recorded epoch.
    fn check(&self, marker: Option<&Marker>, recorded: Option<u64>) -> Result<()> {
        let Some(marker) = marker else {
            return Ok(());
        };
        if Some(&marker.run) != self.run.as_ref() {
            return Err(Error::invalid(
                "another run of a pipeline and sink of these names writes there, or has written: \
                 its checkpoint is elsewhere; give one of them another name, or `--allow-reset` \
                 with this sink's name if that checkpoint is gone",
            ));
        }
        match recorded {
            Some(recorded) if recorded >= marker.epoch => Ok(()),
            _ => Err(Error::invalid(format!(
                "epoch {} is there, and the checkpoint is older: it is a copy, or another process \
                 goes on with it",
                marker.epoch
            ))),
        }
    }

    /// Makes the producer anew: the transaction of the one before is committed or aborted then,
    /// and it is fenced.
    fn reopen(&mut self) -> Result<()> {
        self.open = None;
        let out = Out::new(&self.config, self.topic.as_deref())?;
        out.find_topic()?;
        patiently(&out, "cannot begin transactions", |out| {
            out.producer.init_transactions(CALL)
        })
        .map_err(Failure::into_error)?;
        self.last = self.counted(self.markers.read(self.topic.as_deref())?);
        self.open = Some(Open { out, begun: None });
        Ok(())
    }

    /// Before records are sent: an epoch is passed on from its beginning.
    pub(super) fn start(&mut self) -> Result<()> {
        let is_clean = self.open.as_ref().is_some_and(|open| open.begun.is_none());
        if is_clean { Ok(()) } else { self.reopen() }
    }

    /// Sends records within the transaction of their epoch.
    pub(super) fn send(&mut self, layout: &Layout, records: &RecordsOut) -> Result<()> {
        let Some(open) = &mut self.open else {
            return Err(Error::unavailable("the transaction was given up"));
        };
        if records.len() == 0 {
            return Ok(());
        }
        if open.begun.is_none() {
            let topic = records.topic(0).map(str::to_owned).or(self.topic.clone());
            open.out.forget();
            if let Err(error) = open.out.producer.begin_transaction() {
                let error = open.out.failed("cannot begin a transaction", error);
                // It is in some state that only a new one is not in.
                self.open = None;
                return Err(error);
            }
            open.begun = topic;
        }
        open.out.send(layout, records).map_err(again)
    }

    /// Commits the transaction with its epoch's marker; does nothing where the epoch is there
    /// already, or has no rows.
    pub(super) fn commit(&mut self, epoch: &Epoch) -> Result<()> {
        let run = self.run.clone();
        let run = run.ok_or_else(|| Error::internal("kafka: a commit before `recover`"))?;
        let is_there = |last: &Marker| last.run == run && last.epoch >= epoch.number;
        if self.last.as_ref().is_some_and(is_there) {
            return self.abort();
        }
        let Some(open) = &mut self.open else {
            return Err(Error::unavailable("the transaction was given up"));
        };
        // It stays begun until it is known to be committed: else nobody would roll it back.
        let Some(topic) = open.begun.clone() else {
            return Ok(());
        };
        let marker = Marker {
            run,
            epoch: epoch.number,
        };
        let committed = self.end(&marker, &topic);
        match committed {
            Ok(()) => {
                self.last = Some(marker);
                if let Some(open) = &mut self.open {
                    open.begun = None;
                }
                Ok(())
            }
            Err(failure) => self.settle(&marker, failure),
        }
    }

    fn end(&self, marker: &Marker, topic: &str) -> Result<(), Failure> {
        let lost = || Failure::Indefinite(Error::internal("kafka: no producer"));
        let out = &self.open.as_ref().ok_or_else(lost)?.out;
        let group = self.markers.group().map_err(Failure::Abortable)?;
        let offsets = marker.offsets(topic).map_err(Failure::Abortable)?;
        out.press();
        let what = format!("cannot write the epoch's marker for topic `{topic}`");
        patiently(out, &what, |out| out.send_offsets(&offsets, &group))?;
        azud_connect::fault_point("before-kafka-commit");
        patiently(out, "cannot commit a transaction", Out::commit)?;
        azud_connect::fault_point("after-kafka-commit");
        Ok(())
    }

    /// After a failure: whether the epoch is there all the same.
    fn settle(&mut self, marker: &Marker, failure: Failure) -> Result<()> {
        let error = match failure {
            Failure::Abortable(error) => {
                // A record that could not be written says more than that the transaction has failed.
                let said = self.open.as_ref().and_then(|open| open.out.reason());
                self.abort()?;
                return Err(again(said.unwrap_or(error)));
            }
            Failure::Indefinite(error) => error,
        };
        tracing::debug!("a transaction is settled by a new producer: {error}");
        self.reopen()?;
        match &self.last {
            Some(last) if last.run != marker.run || last.epoch > marker.epoch => {
                Err(Error::invalid(
                    "another process goes on with this pipeline: what it has written is there",
                )
                .because(error))
            }
            Some(last) if last == marker => Ok(()),
            _ => Err(
                Error::unavailable("a transaction was not committed, and is written again")
                    .because(error),
            ),
        }
    }

    /// Rolls back what was sent and not committed.
    pub(super) fn abort(&mut self) -> Result<()> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        if open.begun.take().is_none() {
            return Ok(());
        }
        if let Err(error) = open.out.producer.abort_transaction(CALL) {
            tracing::debug!("a transaction is rolled back by a new producer: {error}");
        }
        // A request that is still on its way must not come to be of the next transaction: only
        // another producer fences it (KIP-890).
        self.open = None;
        Ok(())
    }
}

/// What was recorded is passed on again from its beginning, and never computed again.
fn again(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Aborted => Error::unavailable(error.to_string()),
        _ => error,
    }
}
