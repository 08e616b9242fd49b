//! Counts rows and drops them: for benchmarks, and for queries of which only
//! the progress matters.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{
    Connector, Delivery, Output, Prepared, Sink, SinkContext, SinkWriter, Wants, options_schema,
};
use azud_model::{Epoch, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// The connector, as the engine lists it.
pub const CONNECTOR: Connector = Connector {
    name: "blackhole",
    source: None,
    sink: Some((options_schema::<BlackholeOptions>, make)),
    columns: &[],
    payload: "",
    typed: false,
    apart: false,
};

/// Counts rows and drops them.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BlackholeOptions {
    /// Whether rows are written in the node's format, json by default, before they are dropped: what a benchmark may want to pay.
    pub encode: bool,
}

/// The sink; its rows are counted in what its writers prepare.
#[derive(Clone, Copy, Debug)]
pub struct Blackhole {
    encode: bool,
}

struct Writer {
    lane: usize,
    rows: u64,
}

fn make(options: Value, _context: SinkContext) -> Result<Arc<dyn Sink>> {
    let BlackholeOptions { encode } = azud_connect::options(options)?;
    Ok(Arc::new(Blackhole { encode }))
}

#[async_trait]
impl Sink for Blackhole {
    fn wants(&self) -> Wants {
        if self.encode {
            Wants::Encoded
        } else {
            Wants::Rows
        }
    }

    fn delivery(&self) -> Delivery {
        Delivery::ExactlyOnce
    }

    async fn writer(&self, lane: usize, _schema: SchemaRef) -> Result<Box<dyn SinkWriter>> {
        Ok(Box::new(Writer { lane, rows: 0 }))
    }

    async fn commit(&self, _epoch: &Epoch, _prepared: Vec<Prepared>) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl SinkWriter for Writer {
    async fn write(&mut self, output: Output) -> Result<()> {
        self.rows += match output {
            Output::Rows(batch) => batch.rows() as u64,
            Output::Encoded { rows, .. } => rows as u64,
        };
        Ok(())
    }

    async fn prepare(&mut self, _epoch: &Epoch) -> Result<Prepared> {
        Ok(Prepared {
            lane: self.lane,
            rows: std::mem::take(&mut self.rows),
            token: Vec::new(),
        })
    }
}

#[cfg(test)]
#[path = "conformance_tests.rs"]
mod conformance;
