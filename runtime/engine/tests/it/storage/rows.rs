//! Numbers that can be asked for again, and what comes out for each epoch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use azud_connect::{Read, Source, SourceReader};
use azud_connector_memory::records;
use azud_model::{Partition, Position, Result};

/// Epochs in all: enough for files of state to be merged.
pub(crate) const EPOCHS: u64 = 11;

/// Rows of an epoch.
const SHARE: u64 = 6;

/// The numbers from 0 on; a position is the next number.
#[derive(Debug)]
pub(crate) struct Numbers;

struct Reader {
    next: u64,
    left: u64,
}

#[async_trait]
impl Source for Numbers {
    async fn open(&self, resume: &[Position]) -> Result<Vec<Box<dyn SourceReader>>> {
        let next = match resume {
            [] => 0,
            [position] => position.next.parse().unwrap(),
            more => panic!("{more:?}"),
        };
        assert_eq!(next % SHARE, 0, "it goes on within an epoch");
        Ok(vec![Box::new(Reader { next, left: SHARE })])
    }
}

#[async_trait]
impl SourceReader for Reader {
    fn start_epoch(&mut self) {
        self.left = SHARE;
    }

    async fn next(&mut self) -> Result<Read> {
        if self.next == EPOCHS * SHARE {
            return Ok(Read::End);
        }
        if self.left == 0 {
            return Ok(Read::EpochFull);
        }
        let lines = [self.next, self.next + 1].map(|number| number.to_string());
        let lines = lines.each_ref().map(String::as_str);
        let given = records("in", "p", self.next, &lines);
        self.next += 2;
        self.left -= 2;
        Ok(Read::Records(given))
    }

    fn positions(&self) -> Vec<Position> {
        let partition = Partition {
            source: "in".to_owned(),
            name: "p".to_owned(),
        };
        vec![Position {
            partition: Arc::new(partition),
            next: self.next.to_string(),
        }]
    }
}

/// The rows of an epoch in a sink, sorted.
pub(crate) fn expected(sink: &str, epoch: u64) -> Vec<String> {
    let own = epoch * SHARE..(epoch + 1) * SHARE;
    let mut counts = BTreeMap::<u64, u64>::new();
    let mut sums = BTreeMap::<u64, u64>::new();
    for number in 0..own.end {
        *counts.entry(number % 5).or_default() += 1;
        *sums.entry(number % 3).or_default() += number;
    }
    let touched: BTreeSet<u64> = own.clone().map(|number| number % 5).collect();
    let mut rows: Vec<String> = match sink {
        "out" => own.map(|n| format!("{{\"n\":{n}}}")).collect(),
        "counted" => touched
            .iter()
            .map(|k| format!("{{\"k\":{k},\"c\":{}}}", counts[k]))
            .collect(),
        _ => sums
            .iter()
            .map(|(k, s)| format!("{{\"k\":{k},\"s\":{s}}}"))
            .collect(),
    };
    rows.sort();
    rows
}
