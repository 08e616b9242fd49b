//! A sink that keeps what was committed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{Delivery, Output, Prepared, Sink, SinkWriter, Wants};
use azud_model::{Batch, Epoch, Error, Result};

/// Keeps rows; invisible until their epoch is committed.
#[derive(Clone, Debug, Default)]
pub struct MemorySink {
    state: Arc<Mutex<State>>,
}

/// One committed epoch.
#[derive(Clone, Debug)]
pub struct Committed {
    /// Which.
    pub epoch: Epoch,
    /// Its rows, in the order of the lanes.
    pub batches: Vec<Batch>,
}

#[derive(Debug, Default)]
struct State {
    prepared: BTreeMap<(u64, usize), Vec<Batch>>,
    committed: Vec<Committed>,
}

struct Writer {
    lane: usize,
    state: Arc<Mutex<State>>,
    batches: Vec<Batch>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl MemorySink ===

impl MemorySink {
    /// What was committed so far, in order.
    pub fn committed(&self) -> Vec<Committed> {
        lock(&self.state).committed.clone()
    }

    /// All committed rows, each as a JSON object.
    pub fn rows(&self) -> Vec<String> {
        let committed = self.committed();
        let batches = committed.iter().flat_map(|epoch| &epoch.batches);
        let json = batches.flat_map(|batch| {
            (0..batch.rows()).map(|row| azud_connect::row_json(batch.columns(), row))
        });
        json.map(|row| String::from_utf8_lossy(&row).into_owned())
            .collect()
    }
}

#[async_trait]
impl Sink for MemorySink {
    fn wants(&self) -> Wants {
        Wants::Rows
    }

    fn delivery(&self) -> Delivery {
        Delivery::AtLeastOnce("its rows are gone with the process")
    }

    async fn writer(&self, lane: usize, _schema: SchemaRef) -> Result<Box<dyn SinkWriter>> {
        Ok(Box::new(Writer {
            lane,
            state: self.state.clone(),
            batches: Vec::new(),
        }))
    }

    async fn commit(&self, epoch: &Epoch, prepared: Vec<Prepared>) -> Result<()> {
        let mut state = lock(&self.state);
        if state
            .committed
            .iter()
            .any(|done| done.epoch.number == epoch.number)
        {
            return Ok(());
        }
        let mut batches = Vec::new();
        for lane in prepared {
            batches.extend(
                state
                    .prepared
                    .remove(&(epoch.number, lane.lane))
                    .unwrap_or_default(),
            );
        }
        state.committed.push(Committed {
            epoch: *epoch,
            batches,
        });
        Ok(())
    }

    async fn abort(&self) -> Result<()> {
        lock(&self.state).prepared.clear();
        Ok(())
    }
}

// === impl Writer ===

#[async_trait]
impl SinkWriter for Writer {
    async fn write(&mut self, output: Output) -> Result<()> {
        match output {
            Output::Rows(batch) => self.batches.push(batch),
            Output::Encoded { .. } => {
                return Err(Error::internal("memory: it takes rows, and got bytes"));
            }
        }
        Ok(())
    }

    async fn prepare(&mut self, epoch: &Epoch) -> Result<Prepared> {
        let batches = std::mem::take(&mut self.batches);
        let rows = batches.iter().map(|batch| batch.rows() as u64).sum();
        lock(&self.state)
            .prepared
            .insert((epoch.number, self.lane), batches);
        Ok(Prepared {
            lane: self.lane,
            rows,
            token: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch};

    use super::*;

    #[tokio::test]
    async fn rows_are_visible_once_and_after_the_commit() {
        let numbers = Arc::new(Int64Array::from(vec![1, 2])) as _;
        let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        let sink = MemorySink::default();
        let mut writer = sink.writer(0, batch.schema()).await.unwrap();
        let rows = Batch::without_origin(batch);
        let epoch = |number| Epoch {
            number,
            time_ms: 0,
            input_rows: 2,
            last: false,
        };
        writer.write(Output::Rows(rows.clone())).await.unwrap();
        let prepared = vec![writer.prepare(&epoch(0)).await.unwrap()];
        assert!(sink.rows().is_empty());
        sink.commit(&epoch(0), prepared.clone()).await.unwrap();
        sink.commit(&epoch(0), prepared).await.unwrap();
        assert_eq!(sink.rows(), ["{\"n\":1}", "{\"n\":2}"]);

        writer.write(Output::Rows(rows)).await.unwrap();
        writer.prepare(&epoch(1)).await.unwrap();
        sink.abort().await.unwrap();
        assert_eq!(sink.committed().len(), 1);
    }
}
