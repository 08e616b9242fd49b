//! Reading topics. Alone: every partition is this pipeline's, and where each goes on is in the
//! checkpoint; what is committed to the group is for Kafka's own tools to see. Or as a member of a
//! group: `shares`.

mod begin;
mod behind;
mod chunk;
mod columns;
mod limit;
mod look;
mod member;
mod pauses;
mod place;
mod poll;
mod reader;
mod share;
mod shared;
mod shares;
mod watch;
mod which;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use azud_connect::{Group, Source, SourceContext, SourceReader};
use azud_model::{Error, Position, Result};
use rdkafka::ClientConfig;
use tokio::time::timeout;

use crate::blocking::blocking;
use crate::client::Cluster;
use crate::options::{KafkaSourceOptions, Sharing, Start};
use begin::{Begin, Beginning};
use limit::Limit;
use look::Topics;
use place::Place;
use reader::Reader;
use shared::Shared;
use shares::Shares;
use watch::Watch;

pub(crate) use columns::COLUMNS;
pub(crate) use look::{Look, whole};
pub(crate) use member::Member;
pub(crate) use place::TopicPartition;
pub(crate) use which::{Which, check_name};

/// How often new partitions are looked for, unless the manifest says otherwise.
const REFRESH: Duration = Duration::from_secs(10);

/// How long an epoch waits for its offsets to be committed to the group: they are for tools to see.
const COMMIT: Duration = Duration::from_secs(1);

/// What librdkafka is told unless the manifest says otherwise.
const OWN: [(&str, &str); 8] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // Records that are gone are never passed over in silence.
    ("auto.offset.reset", "error"),
    // Of each lane: the records that were fetched and not asked for.
    ("queued.max.messages.kbytes", "16384"),
    // A lane that has room again is not to wait for a second.
    ("fetch.queue.backoff.ms", "10"),
    ("fetch.error.backoff.ms", "100"),
    ("fetch.wait.max.ms", "500"),
    ("topic.metadata.refresh.interval.ms", "30000"),
];

/// Properties that are not to be set, and why.
const REFUSED: [(&str, &str); 7] = [
    ("group.id", "write `group`"),
    ("enable.auto.commit", "offsets belong to epochs"),
    ("enable.auto.offset.store", "offsets belong to epochs"),
    ("auto.offset.reset", "write `start` and `fail_on_data_loss`"),
    (
        "enable.partition.eof",
        "`trigger: once` needs it, nothing else does",
    ),
    ("auto.commit.interval.ms", "offsets belong to epochs"),
    ("offset.store.method", "offsets belong to epochs"),
];

/// Topics of a cluster.
pub struct KafkaSource {
    which: Which,
    start: Start,
    fail_on_data_loss: bool,
    max_rows: Option<u64>,
    max_bytes: Option<u64>,
    refresh: Duration,
    config: ClientConfig,
    context: SourceContext,
    /// Who commits, once it is open.
    shared: Mutex<Option<Arc<Shared>>>,
    /// Whether offsets are being committed to the group.
    commits: Arc<AtomicBool>,
    /// The group that it is a member of.
    shares: Option<Shares>,
}

// === impl KafkaSource ===

impl KafkaSource {
    pub(crate) fn new(options: &KafkaSourceOptions, context: SourceContext) -> Result<Self> {
        let which = Which::of(options)?;
        let refresh = options.refresh.map_or(REFRESH, Duration::from);
        if refresh.is_zero() {
            return Err(Error::invalid("`refresh` is more than 0ms"));
        }
        let group = options.group.as_deref().unwrap_or(&context.pipeline);
        let is_shared = options.sharing == Some(Sharing::Group);
        if is_shared {
            shares::check(options, &context)?;
        }
        if let Start::Timestamp(moment) = &options.start {
            moment.millis()?;
        }
        let eof = context.finite.to_string();
        let mut own = vec![("group.id", group), ("enable.partition.eof", eof.as_str())];
        own.extend(OWN);
        if options.max_rows.is_some() || options.max_bytes.is_some() {
            // What is fetched of a partition that is paused then is fetched again.
            own.push(("queued.max.messages.kbytes", "4096"));
        }
        let refresh_text = refresh.as_millis().to_string();
        if is_shared {
            own.extend(shares::OWN);
            own.push(("topic.metadata.refresh.interval.ms", &refresh_text));
        }
        let mut refused = REFUSED.to_vec();
        if is_shared {
            refused.extend(shares::REFUSED);
        }
        let cluster = Cluster {
            servers: &options.servers,
            tls: options.tls.as_ref(),
            sasl: options.sasl.as_ref(),
            properties: &options.properties,
            directory: &context.directory,
            client_id: format!("{}-{}", context.pipeline, context.node),
        };
        Ok(Self {
            which,
            start: options.start.clone(),
            fail_on_data_loss: options.fail_on_data_loss.unwrap_or(true),
            max_rows: options.max_rows,
            max_bytes: options.max_bytes.map(|size| size.as_bytes()),
            refresh,
            config: cluster.config(&own, &refused)?,
            context,
            shared: Mutex::default(),
            commits: Arc::default(),
            shares: is_shared.then(Shares::new),
        })
    }

    fn limit(&self) -> Option<Arc<Limit>> {
        Limit::new(self.max_rows, self.max_bytes).map(Arc::new)
    }

    /// How many readers there are for so many partitions.
    fn readers(&self, partitions: usize) -> usize {
        let lanes = self.context.lanes.max(1);
        // Later there may be more partitions.
        let useful = match self.context.finite {
            true => partitions.max(1),
            false => lanes,
        };
        lanes.min(useful).max(1)
    }

    /// What readers of one attempt have in common.
    fn share_all(&self) -> Result<Arc<Shared>> {
        let servers = self.config.get("bootstrap.servers").unwrap_or_default();
        Ok(Arc::new(Shared {
            node: self.context.node.clone(),
            which: self.which.clone(),
            start: self.start.clone(),
            fail_on_data_loss: self.fail_on_data_loss,
            finite: self.context.finite,
            metadata: self.context.metadata.clone(),
            servers: servers.to_owned(),
            config: self.config.clone(),
            look: Look::new(&self.config)?,
            partitions: Mutex::default(),
            failure: Mutex::default(),
        }))
    }

    /// Readers of whatever partitions this member is given.
    async fn open_shared(&self, shares: &Shares) -> Result<Vec<Box<dyn SourceReader>>> {
        let count = self.readers(usize::MAX);
        let shared = match self.opened() {
            Some(shared) => shared,
            None => {
                let shared = self.share_all()?;
                // That a topic is missing is said at once, and not by waiting for it.
                let asked = shared.clone();
                blocking(move || asked.look.topics(&asked.which)).await?;
                *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = Some(shared.clone());
                shared
            }
        };
        let (mut readers, mut ends) = (Vec::new(), Vec::new());
        let limit = self.limit();
        for _ in 0..count {
            let (reader, end) = Reader::new(shared.clone(), &[], limit.clone());
            readers.push(Box::new(reader) as Box<dyn SourceReader>);
            ends.push(end);
        }
        shares.begin(&shared, ends)?;
        Ok(readers)
    }

    fn opened(&self) -> Option<Arc<Shared>> {
        let shared = self.shared.lock();
        shared.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Source for KafkaSource {
    fn group(&self) -> Option<Group> {
        let shares = self.shares.as_ref()?;
        Some(Group::new(shares.member()))
    }

    async fn open(&self, resume: &[Position]) -> Result<Vec<Box<dyn SourceReader>>> {
        let recorded = resume
            .iter()
            .map(Place::of)
            .collect::<Result<HashMap<_, _>>>()?;
        if let Some(shares) = &self.shares {
            return self.open_shared(shares).await;
        }
        let shared = self.share_all()?;
        let asked = shared.clone();
        let (topics, begins) = blocking(move || {
            let topics = asked.look.topics(&asked.which)?;
            let beginning = Beginning {
                look: &asked.look,
                which: &asked.which,
                start: &asked.start,
                fail_on_data_loss: asked.fail_on_data_loss,
                node: &asked.node,
            };
            let begins = beginning.all(&topics, &recorded)?;
            Ok((topics, begins))
        })
        .await?;
        let count = self.readers(begins.len());
        let mut parts: Vec<Vec<Begin>> = vec![Vec::new(); count];
        let ids = begins.iter().filter_map(|begin| {
            let id = begin.place.topic_id.clone()?;
            Some((begin.partition.topic.clone(), id))
        });
        let ids = ids.collect();
        for (index, begin) in begins.into_iter().enumerate() {
            if let Some(part) = parts.get_mut(index % count) {
                part.push(begin);
            }
        }
        let loads = parts.iter().map(Vec::len).collect();
        let (mut readers, mut finds) = (Vec::new(), Vec::new());
        let limit = self.limit();
        for (index, part) in parts.into_iter().enumerate() {
            let (reader, find) = Reader::start(index, shared.clone(), part, limit.clone())?;
            readers.push(reader);
            finds.push(find);
        }
        if !self.context.finite {
            self.watch(&shared, topics, ids, finds, loads, readers.first_mut());
        }
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = Some(shared);
        let boxed = readers.into_iter();
        Ok(boxed
            .map(|reader| Box::new(reader) as Box<dyn SourceReader>)
            .collect())
    }

    async fn committed(&self, positions: &[Position]) -> Result<()> {
        if self.shares.is_some() {
            return Ok(());
        }
        let Some(shared) = self.opened() else {
            return Ok(());
        };
        let offsets = positions.iter().map(|position| {
            let (partition, place) = Place::of(position)?;
            Ok((partition, place.offset))
        });
        let offsets = offsets.collect::<Result<Vec<_>>>()?;
        // One that takes long holds up nobody: the next one says all that it would have said.
        if offsets.is_empty() || self.commits.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let commits = self.commits.clone();
        let commit = blocking(move || {
            let committed = shared.look.commit(&offsets);
            commits.store(false, Ordering::Release);
            committed
        });
        timeout(COMMIT, commit).await.unwrap_or(Ok(()))
    }
}

impl KafkaSource {
    /// Starts to look for new partitions; the first reader ends it.
    fn watch(
        &self,
        shared: &Arc<Shared>,
        topics: Topics,
        ids: HashMap<String, String>,
        readers: Vec<reader::Finds>,
        loads: Vec<usize>,
        owner: Option<&mut Reader>,
    ) {
        let watch = Watch {
            shared: shared.clone(),
            every: self.refresh,
            readers,
            topics,
            ids,
            loads,
        };
        if let Some(owner) = owner {
            owner.owns(tokio::spawn(watch.run()).abort_handle());
        }
    }
}
