//! A transactional sink that is strict about the protocol: recover, write, prepare,
//! record, commit; and whose calls fail.

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{Delivery, Output, Prepared, Recovery, Sink, SinkWriter, Wants};
use azud_model::{Epoch, Result};

use super::server::{Call, Server, json};

pub(crate) struct Transactional(pub(crate) Server);

struct Writer {
    server: Server,
    lane: usize,
    rows: Vec<String>,
}

fn tokens(prepared: &[Prepared]) -> Vec<String> {
    let of = prepared.iter();
    of.map(|prepared| String::from_utf8(prepared.token.clone()).unwrap())
        .collect()
}

#[async_trait]
impl Sink for Transactional {
    fn wants(&self) -> Wants {
        Wants::Rows
    }

    fn delivery(&self) -> Delivery {
        Delivery::ExactlyOnce
    }

    async fn recover(&self, recovery: &Recovery) -> Result<()> {
        self.0.fallible(Call::Recover)?;
        let kept = recovery.last.as_ref();
        let kept = kept.map_or(Vec::new(), |last| tokens(&last.prepared));
        let mut state = self.0.lock();
        state.roll_back(&kept);
        let last = recovery.last.as_ref().map(|last| last.epoch.number);
        let newest = state.committed.keys().next_back().copied();
        drop(state);
        if newest > last {
            self.0
                .wrong(format!("{newest:?} is committed, and {last:?} recorded"));
        }
        Ok(())
    }

    async fn writer(&self, lane: usize, _: SchemaRef) -> Result<Box<dyn SinkWriter>> {
        self.0.fallible(Call::Writer)?;
        Ok(Box::new(Writer {
            server: self.0.clone(),
            lane,
            rows: Vec::new(),
        }))
    }

    async fn commit(&self, epoch: &Epoch, prepared: Vec<Prepared>) -> Result<()> {
        self.0.fallible(Call::Commit)?;
        let number = epoch.number;
        if !self.0.is_recorded(number).await {
            self.0
                .wrong(format!("a commit of {number}, which is not recorded"));
        }
        let tokens = tokens(&prepared);
        let mut state = self.0.lock();
        let before = state.committed.get(&number).cloned();
        let staged: Vec<_> = tokens
            .iter()
            .map(|token| state.staged.remove(token))
            .collect();
        let whole = staged.into_iter().collect::<Option<Vec<_>>>();
        let wrong = match (before, whole) {
            (Some((made_of, _)), _) if made_of == tokens => None,
            (None, Some(rows)) => {
                let mut rows = rows.concat();
                rows.sort();
                state.committed.insert(number, (tokens, rows));
                None
            }
            (before, rows) => Some(format!(
                "a commit of {number} with {tokens:?}: {before:?}, {rows:?}"
            )),
        };
        drop(state);
        if let Some(wrong) = wrong {
            self.0.wrong(wrong);
        }
        self.0.fallible(Call::Committed)
    }

    async fn abort(&self) -> Result<()> {
        let mut state = self.0.lock();
        state.aborts += 1;
        state.roll_back(&[]);
        Ok(())
    }
}

#[async_trait]
impl SinkWriter for Writer {
    async fn write(&mut self, output: Output) -> Result<()> {
        self.server.fallible(Call::Write)?;
        self.rows.extend(json(&output));
        Ok(())
    }

    async fn prepare(&mut self, epoch: &Epoch) -> Result<Prepared> {
        self.server.fallible(Call::Prepare)?;
        if self.server.is_recorded(epoch.number).await {
            let number = epoch.number;
            self.server
                .wrong(format!("{number} is recorded before it is prepared"));
        }
        let rows = std::mem::take(&mut self.rows);
        let mut state = self.server.lock();
        let token = state.token(epoch.number);
        let prepared = Prepared {
            lane: self.lane,
            rows: rows.len() as u64,
            token: token.clone().into_bytes(),
        };
        state.staged.insert(token, rows);
        Ok(prepared)
    }
}
