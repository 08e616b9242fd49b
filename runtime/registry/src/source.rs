//! A source of records that name their schemas.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{AvroSchema, Group, Replay, Source, SourceReader, Wire, WriterSchemas};
use azud_model::{Clock, Position, Result};

use crate::Registry;
use crate::answer::Found;
use crate::reader::RegisteredReader;

/// More schemas are kept only while records need them.
const MOST_SCHEMAS: usize = 1_000;

/// So many ids are known to be unknown; the next begins anew.
const MOST_UNKNOWN: usize = 10_000;

/// So long an id that is unknown is not asked for again: it may be registered later.
const UNKNOWN_FOR: Duration = Duration::from_secs(60);

/// A source behind a registry: see the crate.
pub struct Registered {
    inner: Arc<dyn Source>,
    lookup: Arc<Lookup>,
}

/// What all readers of a source know of schemas.
pub(crate) struct Lookup {
    registry: Arc<Registry>,
    pub(crate) wire: Wire,
    writers: WriterSchemas,
    clock: Arc<dyn Clock>,
    /// Why there is no schema of an id, and when to ask again.
    unknown: Mutex<HashMap<u64, (Duration, String)>>,
}

// === impl Registered ===

impl Registered {
    /// Puts the schemas of the records that `inner` gives into `writers`.
    pub fn new(
        inner: Arc<dyn Source>,
        registry: Arc<Registry>,
        wire: Wire,
        writers: WriterSchemas,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            inner,
            lookup: Arc::new(Lookup {
                registry,
                wire,
                writers,
                clock,
                unknown: Mutex::default(),
            }),
        }
    }
}

#[async_trait]
impl Source for Registered {
    fn schema(&self) -> Option<SchemaRef> {
        self.inner.schema()
    }

    fn check(&self) -> Result<()> {
        self.inner.check()
    }

    fn watches(&self) -> Option<String> {
        self.inner.watches()
    }

    fn replay(&self) -> Replay {
        self.inner.replay()
    }

    fn version(&self) -> Result<Option<String>> {
        self.inner.version()
    }

    fn group(&self) -> Option<Group> {
        self.inner.group()
    }

    async fn open(&self, resume: &[Position]) -> Result<Vec<Box<dyn SourceReader>>> {
        let readers = self.inner.open(resume).await?;
        let readers = readers.into_iter().map(|inner| {
            let reader = RegisteredReader::new(inner, self.lookup.clone());
            Box::new(reader) as Box<dyn SourceReader>
        });
        Ok(readers.collect())
    }

    async fn committed(&self, positions: &[Position]) -> Result<()> {
        self.inner.committed(positions).await
    }
}

// === impl Lookup ===

impl Lookup {
    /// The schema of an id, in the table from now on; or why there is none.
    ///
    /// # Errors
    /// Those of the registry.
    pub(crate) async fn find(&self, id: u64) -> Result<Result<Arc<AvroSchema>, String>> {
        if let Some(known) = self.writers.get(id) {
            return Ok(Ok(known));
        }
        let now = self.clock.elapsed();
        if let Some((until, reason)) = self.unknown().get(&id)
            && now < *until
        {
            return Ok(Err(reason.clone()));
        }
        match self.registry.schema(id).await? {
            Found::Schema(schema) => {
                self.unknown().remove(&id);
                self.writers.put(id, schema.clone(), MOST_SCHEMAS);
                Ok(Ok(schema))
            }
            Found::None(reason) => {
                let reason = format!("{}, schema {id}: {reason}", self.registry);
                let mut unknown = self.unknown();
                if unknown.len() >= MOST_UNKNOWN {
                    unknown.clear();
                }
                unknown.insert(id, (now.saturating_add(UNKNOWN_FOR), reason.clone()));
                Ok(Err(reason))
            }
        }
    }

    fn unknown(&self) -> MutexGuard<'_, HashMap<u64, (Duration, String)>> {
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
