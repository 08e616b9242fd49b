//! The sink: what is called when.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{Delivery, Prepared, Recovery, Sink, SinkContext, SinkWriter, Wants};
use azud_model::{Epoch, Error, Result};

use super::commit::Commit;
use super::each::each;
use super::owner::Owned;
use super::place::Place;
use super::recover::{open, recover};
use super::writer::{Begun, Writer};
use crate::tokens::tokens;

pub(super) struct ObjectSink {
    context: SinkContext,
    place: Place,
    /// What is known of the place, once it was taken.
    known: Mutex<Option<Known>>,
    begun: Begun,
}

#[derive(Clone, Debug)]
struct Known {
    owned: Arc<Owned>,
    /// The run of a checkpoint.
    run: Option<String>,
    /// The epoch that comes next.
    next: u64,
    /// The recorded epoch, whose commit may be done already, until it was called.
    last: Option<u64>,
    allow_reset: bool,
}

// === impl ObjectSink ===

impl ObjectSink {
    pub(super) fn new(context: SinkContext, place: Place) -> Self {
        Self {
            context,
            place,
            known: Mutex::default(),
            begun: Begun::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> Option<Known> {
        self.lock().clone()
    }

    /// Makes the place ready for writers.
    async fn open(&self) -> Result<Known> {
        match self.known() {
            Some(known) if known.last.is_some() => Err(Error::internal(
                "file: the recorded epoch was not committed before the first writer",
            )),
            Some(known) => Ok(known),
            None if self.context.checkpointed => {
                Err(Error::internal("file: nobody said what is recorded"))
            }
            None => {
                let owned = open(&self.place, self.context.mode).await?;
                let known = Known {
                    owned: Arc::new(owned),
                    run: None,
                    next: 0,
                    last: None,
                    allow_reset: false,
                };
                *self.lock() = Some(known.clone());
                Ok(known)
            }
        }
    }
}

#[async_trait]
impl Sink for ObjectSink {
    fn wants(&self) -> Wants {
        Wants::Encoded
    }

    // `check` is the default: whatever can be known without the store was refused when the
    // sink was made.

    fn target(&self) -> Option<String> {
        Some(self.place.given())
    }

    fn delivery(&self) -> Delivery {
        Delivery::ExactlyOnce
    }

    async fn recover(&self, recovery: &Recovery) -> Result<()> {
        let last = recovery.last.as_ref();
        let tokens = tokens(last.map_or(&[], |last| last.prepared.as_slice()))?;
        let owned = recover(&self.place, &self.context.node, recovery, &tokens).await?;
        *self.lock() = Some(Known {
            owned: Arc::new(owned),
            run: Some(recovery.run.clone()),
            next: recovery.epoch.map_or(0, |last| last + 1),
            last: last.map(|last| last.epoch.number),
            allow_reset: recovery.allow_reset,
        });
        Ok(())
    }

    async fn writer(&self, lane: usize, _schema: SchemaRef) -> Result<Box<dyn SinkWriter>> {
        let known = self.open().await?;
        Ok(Box::new(Writer::new(
            lane,
            self.place.clone(),
            known.owned.start,
            known.next,
            self.context.header.clone(),
            self.begun.clone(),
        )))
    }

    async fn commit(&self, epoch: &Epoch, prepared: Vec<Prepared>) -> Result<()> {
        let known = self
            .known()
            .ok_or_else(|| Error::internal("file: a commit before the place was taken"))?;
        let files = tokens(&prepared)?;
        let is_again = known.last == Some(epoch.number);
        let commit = Commit {
            place: &self.place,
            owned: &known.owned,
            node: &self.context.node,
            run: known.run.as_deref(),
            mode: self.context.mode,
            epoch: epoch.number,
            files: &files,
            is_again,
            allow_reset: is_again && known.allow_reset,
        };
        commit.run().await?;
        let mut begun = self.begun.lock();
        for file in &files {
            begun.remove(&file.marker);
        }
        drop(begun);
        if let Some(known) = self.lock().as_mut() {
            known.last = known.last.filter(|_| !is_again);
        }
        Ok(())
    }

    async fn abort(&self) -> Result<()> {
        let Some(known) = self.known() else {
            return Ok(());
        };
        let begun = std::mem::take(&mut *self.begun.lock());
        // Whoever has taken the place knows what of them is recorded.
        if begun.is_empty() || !known.owned.is_ours().await? {
            return Ok(());
        }
        each(begun.into_iter().collect(), |(name, marker)| {
            let place = self.place.clone();
            async move { marker.give_up(&place, &name).await }
        })
        .await
    }
}
