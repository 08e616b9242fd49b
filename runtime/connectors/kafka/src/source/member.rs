//! A member of a consumer group: which partitions are its own, and until when.
//!
//! A partition that moves to another member takes what was not committed with it: from then on the
//! epoch that has read it cannot be committed, and is rolled back (`Turn::is_lost`). Whether a
//! member is one at all is for the group's coordinator to say: it refuses positions of one that it
//! has put out, and with them the transaction that they are in.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use azud_model::{Error, ErrorKind, Position, Result};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{
    BaseConsumer, CommitMode, Consumer, ConsumerContext, ConsumerGroupMetadata, RebalanceProtocol,
};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use super::begin::{Begin, Beginning};
use super::look::Topics;
use super::place::{Place, TopicPartition};
use super::shared::Shared;
use crate::client::Told;
use crate::native;

/// How long to wait before brokers that are away are asked again where partitions begin.
const PAUSE: Duration = Duration::from_millis(500);

/// A member of a group, for as long as the process runs.
pub(crate) struct Member {
    pub(super) consumer: OnceLock<Arc<BaseConsumer<MemberContext>>>,
    turn: Mutex<Turn>,
    /// Whether the pipeline has ended.
    pub(super) is_closing: AtomicBool,
    /// Whether a lane is busy: partitions that are given are paused until it is not.
    pub(super) is_busy: AtomicBool,
}

/// What may not change while positions are committed.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Whether a partition was taken away since the epoch began.
    pub(super) is_lost: bool,
    /// By which id of this member partitions were given, or taken away, last.
    pub(super) id: Option<String>,
    /// Partitions that were given since this was looked at.
    pub(super) fresh: Vec<Begin>,
}

/// Nobody takes a partition away while this lives.
pub(crate) struct Held<'a> {
    _turn: MutexGuard<'a, Turn>,
    metadata: Arc<ConsumerGroupMetadata>,
}

/// What librdkafka calls.
pub(super) struct MemberContext {
    pub(super) told: Told,
    pub(super) member: Arc<Member>,
    pub(super) shared: Arc<Shared>,
}

// === impl Member ===

impl Member {
    pub(super) fn new() -> Self {
        Self {
            consumer: OnceLock::new(),
            turn: Mutex::default(),
            is_closing: AtomicBool::new(false),
            is_busy: AtomicBool::new(false),
        }
    }

    pub(super) fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Before positions are committed: every partition that the epoch has read is this member's,
    /// and stays so for as long as the answer lives.
    ///
    /// # Errors
    /// `Aborted` if one was taken away.
    pub(crate) fn hold(&self) -> Result<Held<'_>> {
        let turn = self.turn();
        if turn.is_lost {
            return Err(moved());
        }
        let none = || Error::aborted("this is no member of the group");
        let consumer = self.consumer.get().ok_or_else(none)?;
        let metadata = consumer.group_metadata().ok_or_else(none)?;
        // Asked after that. A member that was put out has lost its id, and joins again by another:
        // both before it is told that its partitions are not its own any more.
        let id = native::member_id(consumer.client());
        if id.is_none() || id != turn.id {
            return Err(none());
        }
        Ok(Held {
            metadata: Arc::new(metadata),
            _turn: turn,
        })
    }

    /// Positions as offsets of the group; the id of each topic goes with them, so that one that
    /// was made again is known.
    pub(crate) fn offsets(positions: &[Position]) -> Result<TopicPartitionList> {
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for position in positions {
            let (partition, place) = Place::of(position)?;
            add(&mut list, &partition, &place)?;
        }
        Ok(list)
    }
}

// === impl Held ===

impl Held<'_> {
    /// Who commits.
    pub(crate) fn metadata(&self) -> &Arc<ConsumerGroupMetadata> {
        &self.metadata
    }
}

/// What an epoch fails with whose partitions have moved.
pub(super) fn moved() -> Error {
    Error::aborted("partitions have moved to another member of the group")
}

fn add(list: &mut TopicPartitionList, partition: &TopicPartition, place: &Place) -> Result<()> {
    let mut element = list.add_partition(&partition.topic, partition.number);
    element.set_metadata(place.topic_id.as_deref().unwrap_or_default());
    let set = element.set_offset(Offset::Offset(place.offset));
    set.map_err(|error| Error::internal("kafka: an offset").because(error))
}

// === impl MemberContext ===

impl ClientContext for MemberContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.told.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.told.error(error, reason);
    }
}

impl ConsumerContext for MemberContext {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        code: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let outcome = match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                self.given(consumer, partitions)
            }
            _ => self.taken(consumer, partitions),
        };
        if let Err(error) = outcome {
            tracing::warn!("source `{}`: {error}", self.shared.node);
        }
    }
}

impl MemberContext {
    /// Partitions are this member's now.
    fn given(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &TopicPartitionList,
    ) -> Result<(), KafkaError> {
        // Before anything else: what it is by then is not who was given them.
        let id = native::member_id(consumer.client());
        let names = names(partitions);
        let Some((begins, list)) = self.begins(&names) else {
            return Ok(());
        };
        {
            let mut turn = self.member.turn();
            turn.id = id;
            turn.fresh.extend(begins);
        }
        match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_assign(&list)?,
            _ => consumer.assign(&list)?,
        }
        if !names.is_empty() {
            tracing::info!("source `{}`: reads {}", self.shared.node, listed(&names));
        }
        match self.member.is_busy.load(Ordering::Acquire) {
            true => consumer.pause(&list),
            // It may have been paused when it was taken away.
            false => consumer.resume(&list),
        }
    }

    /// Partitions are another member's from now on: not before a commit that is under way has ended.
    fn taken(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &TopicPartitionList,
    ) -> Result<(), KafkaError> {
        let mut turn = self.member.turn();
        turn.is_lost |= partitions.count() > 0;
        turn.id = native::member_id(consumer.client());
        let gone = names(partitions);
        if !gone.is_empty() {
            let node = &self.shared.node;
            tracing::info!("source `{node}`: {} may go to others", listed(&gone));
        }
        turn.fresh.retain(|fresh| !gone.contains(&fresh.partition));
        match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_unassign(partitions),
            _ => consumer.unassign(),
        }
    }

    /// Where partitions begin; asks until brokers answer. `None` once the pipeline has ended, or
    /// where records are lost: the member has no partitions then, and says why.
    pub(super) fn begins(
        &self,
        names: &[TopicPartition],
    ) -> Option<(Vec<Begin>, TopicPartitionList)> {
        loop {
            let found = self.look(names);
            match found {
                Ok(found) => return Some(found),
                Err(error) if error.kind() == ErrorKind::Unavailable => {
                    tracing::warn!("source `{}`: {error}, trying again", self.shared.node);
                }
                Err(error) => {
                    self.member.turn().is_lost = true;
                    self.shared.fail(error);
                    return None;
                }
            }
            if self.member.is_closing.load(Ordering::Acquire) {
                return None;
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn look(&self, names: &[TopicPartition]) -> Result<(Vec<Begin>, TopicPartitionList)> {
        let shared = &self.shared;
        let mut topics = Topics::new();
        for name in names {
            let numbers = topics.entry(name.topic.clone()).or_default();
            numbers.push(name.number);
        }
        let recorded: HashMap<_, _> = match names.is_empty() {
            true => HashMap::new(),
            false => shared.look.recorded(names)?,
        };
        let beginning = Beginning {
            look: &shared.look,
            which: &shared.which,
            start: &shared.start,
            fail_on_data_loss: shared.fail_on_data_loss,
            node: &shared.node,
        };
        let begins = beginning.all(&topics, &recorded)?;
        let mut list = TopicPartitionList::with_capacity(begins.len());
        let mut first = TopicPartitionList::new();
        for begin in &begins {
            add(&mut list, &begin.partition, &begin.place)?;
            if !recorded.contains_key(&begin.partition) {
                add(&mut first, &begin.partition, &begin.place)?;
            }
        }
        // Whoever has it next must not begin later than this member: `start: latest` would.
        if first.count() > 0
            && let Some(consumer) = self.member.consumer.get()
            && let Err(error) = consumer.commit(&first, CommitMode::Sync)
            && !is_put_out(&error)
        {
            return Err(crate::error::of(
                "cannot commit where partitions begin",
                error,
                &self.told,
            ));
        }
        Ok((begins, list))
    }
}

/// For messages.
fn listed(partitions: &[TopicPartition]) -> String {
    let names: Vec<_> = partitions.iter().map(TopicPartition::name).collect();
    format!("`{}`", names.join("`, `"))
}

/// Whether somebody else has these partitions by now. They are taken away from this member as soon
/// as it has taken them, and to ask again would keep it from that.
fn is_put_out(error: &KafkaError) -> bool {
    use rdkafka::error::RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::UnknownMemberId
                | Code::IllegalGeneration
                | Code::RebalanceInProgress
                | Code::FencedInstanceId
        )
    )
}

pub(super) fn names(list: &TopicPartitionList) -> Vec<TopicPartition> {
    let elements = list.elements();
    let names = elements.iter().map(|element| TopicPartition {
        topic: element.topic().to_owned(),
        number: element.partition(),
    });
    names.collect()
}
