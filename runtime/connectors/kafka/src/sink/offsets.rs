//! Offsets in a transaction, by a call that may never come back.
//!
//! librdkafka 2.12 does not keep the time that this call is given while it waits for a group's
//! coordinator, and goes on waiting for one that has left the cluster until a connection to any
//! broker comes or goes (its issues 5456 and 5511). Such a call is left to itself, with its
//! producer: the next one of its transactional id fences what it may still do, and brokers close
//! its connections once they have been idle for long (10 minutes by default), which ends it.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::Producer;
use rdkafka::topic_partition_list::TopicPartitionList;

use super::patience::CALL;
use super::producer::Out;

/// How much longer than it may a call takes before it is left to itself.
const GRACE: Duration = Duration::from_secs(2);

// === impl Out ===

impl Out {
    /// Writes a group's offsets within the transaction. Blocks.
    ///
    /// # Errors
    /// As the crate's call. What is no `KafkaError::Transaction` says that the call was left to
    /// itself: nothing more may be asked of this producer.
    pub(super) fn send_offsets(
        &self,
        offsets: &TopicPartitionList,
        group: &Arc<ConsumerGroupMetadata>,
    ) -> Result<(), KafkaError> {
        let (tell, told) = sync_channel(1);
        let producer = self.producer.clone();
        let (offsets, group) = (offsets.clone(), group.clone());
        let call = move || {
            let sent = producer.send_offsets_to_transaction(&offsets, &group, CALL);
            // Nobody may be there any more.
            drop(tell.send(sent));
        };
        let thread = thread::Builder::new().name("azud-kafka-offsets".to_owned());
        let started = thread.spawn(call);
        started.map_err(|error| {
            KafkaError::ClientCreation(format!("cannot start a thread: {error}"))
        })?;
        let answer = told.recv_timeout(CALL + GRACE);
        answer.unwrap_or(Err(KafkaError::Global(Code::OperationTimedOut)))
    }
}
