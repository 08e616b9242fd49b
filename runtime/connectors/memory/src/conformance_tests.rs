//! The kit's cases: what a source and a sink without a place of their own can promise.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azud_connect::conformance::{
    SinkFixture, SinkPromises, SourceFixture, SourcePromises, check_sink, check_source,
};
use azud_connect::{Sink, Source, SourceContext};
use azud_model::Result;

use crate::{MemorySink, MemorySource, records};

/// Lists of records, each of an epoch, of two partitions in turn.
#[derive(Default)]
struct Lists {
    lists: Vec<Vec<String>>,
    given: usize,
}

#[async_trait]
impl SourceFixture for Lists {
    fn promises(&self) -> SourcePromises {
        SourcePromises {
            endless: false,
            grows: false,
            quiet: Duration::from_millis(5),
            ..SourcePromises::default()
        }
    }

    async fn reset(&mut self) -> Result<()> {
        *self = Self::default();
        Ok(())
    }

    async fn give(&mut self, count: usize) -> Result<Vec<String>> {
        let first = self.given;
        self.given += count;
        let list: Vec<_> = (first..self.given).map(|n| format!("r{n}")).collect();
        self.lists.push(list.clone());
        Ok(list)
    }

    async fn make(&mut self, _context: SourceContext) -> Result<Arc<dyn Source>> {
        let mut next = [1, 1];
        let epochs = self.lists.iter().enumerate().map(|(number, list)| {
            let chunks = list.chunks(3).map(|chunk| {
                let lines: Vec<_> = chunk.iter().map(String::as_str).collect();
                let partition = number % 2;
                let first = next[partition];
                next[partition] += lines.len() as u64;
                records("source", ["a", "b"][partition], first, &lines)
            });
            chunks.collect()
        });
        let epochs: Vec<_> = epochs.collect();
        Ok(Arc::new(MemorySource::new(epochs)))
    }
}

/// One sink, which lives as long as the place.
#[derive(Default)]
struct Place {
    sink: MemorySink,
}

#[async_trait]
impl SinkFixture for Place {
    fn promises(&self) -> SinkPromises {
        SinkPromises {
            refuses: false,
            ..SinkPromises::default()
        }
    }

    async fn reset(&mut self) -> Result<()> {
        *self = Self::default();
        Ok(())
    }

    async fn make(&mut self, _lanes: usize) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(self.sink.clone()))
    }

    async fn visible(&mut self) -> Result<Option<Vec<i64>>> {
        let id = |row: String| {
            let number = row.strip_prefix("{\"id\":").unwrap().strip_suffix('}');
            number.unwrap().parse().unwrap()
        };
        Ok(Some(self.sink.rows().into_iter().map(id).collect()))
    }
}

#[tokio::test]
async fn a_memory_source_keeps_every_promise_of_a_source() {
    let report = check_source(&mut Lists::default()).await.unwrap();
    assert_eq!(report.skipped, ["disconnect", "share", "back-pressure"]);
}

#[tokio::test]
async fn a_memory_sink_keeps_every_promise_that_memory_can() {
    let report = check_sink(&mut Place::default()).await.unwrap();
    let passed = ["epochs", "hidden", "empty", "commit-twice", "abort"];
    assert_eq!(report.passed, passed);
}
