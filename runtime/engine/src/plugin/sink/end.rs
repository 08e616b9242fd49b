//! The end of a sink plugin's epochs, where the coordinator hears of them.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{
    Delivery, Output, Prepared, Recovery, Sink as ConnectorSink, SinkWriter, Wants,
};
use azud_model::{Epoch, Error, Result};

use super::only::Only;
use super::transactions::Handle;

/// A sink without rows: what the plugin was given was flushed in its lanes, before the
/// epoch's end came here. Of a plugin with transactions it brings the coordinator the
/// token, and the plugin the coordinator's word.
pub(crate) struct PluginSink {
    transactions: Option<Arc<Only>>,
}

struct PluginWriter {
    lane: usize,
    transactions: Option<Arc<Handle>>,
}

// === impl PluginSink ===

impl PluginSink {
    /// `transactions` of a plugin that has them.
    pub(crate) fn new(transactions: Option<Arc<Only>>) -> Self {
        Self { transactions }
    }
}

#[async_trait]
impl ConnectorSink for PluginSink {
    fn wants(&self) -> Wants {
        Wants::Rows
    }

    fn delivery(&self) -> Delivery {
        match self.transactions {
            Some(_) => Delivery::ExactlyOnce,
            None => Delivery::AtLeastOnce(
                "a plugin without `epochs` is offered rows again after a crash",
            ),
        }
    }

    async fn recover(&self, recovery: &Recovery) -> Result<()> {
        let Some(only) = &self.transactions else {
            return Ok(());
        };
        let only = only.clone();
        // A plugin that is opened is waited for.
        let fresh = tokio::task::spawn_blocking(move || only.fresh()).await;
        let handle =
            fresh.map_err(|error| Error::internal("opening a plugin").because(error))??;
        let run = recovery.run.clone();
        let last = recovery.last.as_ref().map(|last| last.epoch.number);
        handle
            .control(move |transactions| transactions.recover(run, last))
            .await
    }

    async fn writer(&self, lane: usize, _: SchemaRef) -> Result<Box<dyn SinkWriter>> {
        // All rows meet in the first lane, and are prepared there.
        let transactions = self.transactions.as_ref().filter(|_| lane == 0);
        let transactions = transactions.map(|only| only.current());
        Ok(Box::new(PluginWriter { lane, transactions }))
    }

    async fn commit(&self, epoch: &Epoch, prepared: Vec<Prepared>) -> Result<()> {
        let Some(only) = &self.transactions else {
            return Ok(());
        };
        let handle = only.current();
        let first = prepared.into_iter().find(|prepared| prepared.lane == 0);
        let first = first.ok_or_else(|| Error::internal("the first lane prepared nothing"))?;
        let number = epoch.number;
        handle
            .control(move |transactions| transactions.commit(number, &first.token))
            .await
    }

    async fn abort(&self) -> Result<()> {
        match &self.transactions {
            Some(only) => only.current().abort().await,
            None => Ok(()),
        }
    }
}

#[async_trait]
impl SinkWriter for PluginWriter {
    async fn write(&mut self, _: Output) -> Result<()> {
        Err(Error::internal("a sink plugin's rows came to its end"))
    }

    async fn prepare(&mut self, epoch: &Epoch) -> Result<Prepared> {
        let prepared = match &self.transactions {
            Some(handle) => handle.prepared(epoch.number)?,
            None => Prepared::default(),
        };
        Ok(Prepared {
            lane: self.lane,
            ..prepared
        })
    }
}
