//! Reading as a member of a group: `sharing: group`.
//!
//! The membership outlives attempts: what an epoch has read and could not commit is read again by
//! whoever has its partitions then, from what is committed to the group.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use azud_connect::SourceContext;
use azud_model::{Error, Result};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::member::{Member, MemberContext};
use super::reader::Ends;
use super::share::{Order, Share};
use super::shared::Shared;
use super::which::Which;
use crate::client::Told;
use crate::error;
use crate::options::{KafkaSourceOptions, Start};

/// What librdkafka is told unless the manifest says otherwise.
pub(super) const OWN: [(&str, &str); 3] = [
    // Partitions that stay are not taken away for those that move.
    ("partition.assignment.strategy", "cooperative-sticky"),
    // A member that is silent for so long is put out.
    ("session.timeout.ms", "10000"),
    ("heartbeat.interval.ms", "2000"),
];

/// Properties that are not to be set by a member, and why.
pub(super) const REFUSED: [(&str, &str); 1] = [(
    "isolation.level",
    "offsets of transactions that are under way would be read, and rows doubled (KIP-447)",
)];

/// A membership.
pub(super) struct Shares {
    member: Arc<Member>,
    thread: Mutex<Option<Thread>>,
}

struct Thread {
    orders: SyncSender<Order>,
    handle: JoinHandle<()>,
}

/// What cannot be shared.
///
/// # Errors
/// `Invalid`, with the reason.
pub(super) fn check(options: &KafkaSourceOptions, context: &SourceContext) -> Result<()> {
    let reason = if context.finite {
        "with `trigger: once`: nobody knows when all members have read everything"
    } else if options.assign.is_some() {
        "with `assign`: the group says who reads which partitions; name `topics`"
    } else if matches!(options.start, Start::Timestamp(_) | Start::Offsets(_)) {
        "with such a `start`: partitions begin where the group has committed, and else at \
         `earliest` or `latest`"
    } else {
        return Ok(());
    };
    Err(Error::invalid(format!(
        "`sharing: group` cannot be {reason}"
    )))
}

// === impl Shares ===

impl Shares {
    pub(super) fn new() -> Self {
        Self {
            member: Arc::new(Member::new()),
            thread: Mutex::default(),
        }
    }

    pub(super) fn member(&self) -> Arc<Member> {
        self.member.clone()
    }

    /// Begins an attempt with these readers; joins the group where it is the first.
    pub(super) fn begin(&self, shared: &Arc<Shared>, readers: Vec<Ends>) -> Result<()> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            *thread = Some(self.join(shared)?);
        }
        let orders = thread.as_ref().map(|thread| &thread.orders);
        let sent = orders.map(|orders| orders.send(Order::Begin(readers)));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(Error::internal("kafka: the thread of the member has ended")),
        }
    }

    fn join(&self, shared: &Arc<Shared>) -> Result<Thread> {
        let context = MemberContext {
            told: Told::default(),
            member: self.member.clone(),
            shared: shared.clone(),
        };
        let consumer = BaseConsumer::from_config_and_context(&shared.config, context);
        let consumer = Arc::new(consumer.map_err(error::client)?);
        // Set once: there is one thread.
        let _ = self.member.consumer.set(consumer.clone());
        let names: Vec<String> = match &shared.which {
            Which::Topics(names) => names.clone(),
            // librdkafka takes what begins so for a regular expression.
            Which::Pattern(pattern) => vec![pattern.as_str().to_owned()],
            Which::Partitions(_) => return Err(Error::internal("kafka: `assign` in a group")),
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let subscribed = consumer.subscribe(&names);
        let told = &consumer.context().told;
        subscribed.map_err(|error| error::of("cannot join the group", error, told))?;
        let (orders, taken) = sync_channel(1);
        let share = Share::new(shared.clone(), self.member.clone(), consumer, taken);
        let handle = thread::Builder::new()
            .name("azud-kafka-member".to_owned())
            .spawn(move || share.run())
            .map_err(|error| Error::internal("cannot start a thread").because(error))?;
        Ok(Thread { orders, handle })
    }
}

impl Drop for Shares {
    /// Leaves the group, so that others need not wait for this member's silence.
    fn drop(&mut self) {
        self.member.is_closing.store(true, Ordering::Release);
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            let _ = thread.handle.join();
        }
    }
}
