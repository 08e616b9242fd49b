//! The source of a test: gives the rows of each step when it is the step's turn.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{Read, Records, Source, SourceReader};
use azud_model::{Error, Partition, Position, Result};
use tokio::sync::watch;

use crate::input::PARTITION;

/// What one source gives, step by step.
pub(crate) type Steps = Vec<VecDeque<Records>>;

/// What all sources give in the next epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Give {
    /// Everything up to the end of this step that was not given yet.
    Step(usize),
    /// Nothing.
    Nothing,
    /// Nothing any more.
    End,
}

/// An epoch that may begin: those before it are committed, so that everything that is computed
/// in it sees its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Counts the epochs of a run, from 0.
    pub(crate) number: u64,
    pub(crate) give: Give,
}

/// Gives typed rows. Its one partition has so many steps.
pub(crate) struct Feed {
    source: String,
    schema: SchemaRef,
    steps: Arc<Steps>,
    turns: watch::Receiver<Turn>,
}

/// Gives the rows of a table, whole: those of the last step that names it.
pub(crate) struct TableFeed {
    schema: SchemaRef,
    /// `None`: the step does not name it.
    steps: Arc<Vec<Option<VecDeque<Records>>>>,
    turns: watch::Receiver<Turn>,
    /// The last step that had its turn; `None`: none had.
    step: Mutex<Option<usize>>,
}

struct TableReader(VecDeque<Records>);

struct Reader {
    partition: Arc<Partition>,
    steps: Arc<Steps>,
    /// How many steps were given.
    given: usize,
    /// Of the steps whose turn it is.
    waiting: VecDeque<Records>,
    /// The epoch that it gives rows of; `None`: it waits for the next.
    epoch: Option<u64>,
    /// The first epoch that it has given nothing of.
    next: u64,
    turns: watch::Receiver<Turn>,
}

// === impl TableFeed ===

impl TableFeed {
    pub(crate) fn new(
        schema: SchemaRef,
        steps: Arc<Vec<Option<VecDeque<Records>>>>,
        turns: watch::Receiver<Turn>,
    ) -> Self {
        Self {
            schema,
            steps,
            turns,
            step: Mutex::new(None),
        }
    }

    /// The step whose rows count now.
    fn now(&self) -> Option<usize> {
        let mut step = self.step.lock().unwrap_or_else(PoisonError::into_inner);
        if let Give::Step(now) = self.turns.borrow().give {
            *step = Some(now);
        }
        let begun = self.steps.get(..=(*step)?).unwrap_or(&self.steps);
        begun.iter().rposition(Option::is_some)
    }
}

#[async_trait]
impl Source for TableFeed {
    fn schema(&self) -> Option<SchemaRef> {
        Some(self.schema.clone())
    }

    fn version(&self) -> Result<Option<String>> {
        Ok(Some(format!("{:?}", self.now())))
    }

    async fn open(&self, _resume: &[Position]) -> Result<Vec<Box<dyn SourceReader>>> {
        let rows = self.now().and_then(|step| self.steps.get(step)?.clone());
        Ok(vec![Box::new(TableReader(rows.unwrap_or_default()))])
    }
}

// === impl TableReader ===

#[async_trait]
impl SourceReader for TableReader {
    async fn next(&mut self) -> Result<Read> {
        Ok(self.0.pop_front().map_or(Read::End, Read::Records))
    }

    fn positions(&self) -> Vec<Position> {
        Vec::new()
    }
}

// === impl Feed ===

impl Feed {
    pub(crate) fn new(
        source: &str,
        schema: SchemaRef,
        steps: Arc<Steps>,
        turns: watch::Receiver<Turn>,
    ) -> Self {
        Self {
            source: source.to_owned(),
            schema,
            steps,
            turns,
        }
    }
}

#[async_trait]
impl Source for Feed {
    fn schema(&self) -> Option<SchemaRef> {
        Some(self.schema.clone())
    }

    async fn open(&self, resume: &[Position]) -> Result<Vec<Box<dyn SourceReader>>> {
        let given = match resume.first() {
            Some(position) => position.next.parse().map_err(|_| {
                Error::internal(format!("a test's position is `{}`", position.next))
            })?,
            None => 0,
        };
        Ok(vec![Box::new(Reader {
            partition: Arc::new(Partition {
                source: self.source.clone(),
                name: PARTITION.to_owned(),
            }),
            steps: self.steps.clone(),
            given,
            waiting: VecDeque::new(),
            epoch: None,
            next: 0,
            turns: self.turns.clone(),
        })])
    }
}

// === impl Reader ===

impl Reader {
    /// Waits for the next epoch; `None`: there is none.
    async fn turn(&mut self) -> Result<Option<u64>> {
        let next = self.next;
        let turn = self.turns.wait_for(|turn| turn.number >= next).await;
        let turn = *turn.map_err(|_| Error::closed("the test has ended"))?;
        match turn.give {
            Give::Step(step) => {
                let due = self.steps.get(self.given..=step).unwrap_or_default();
                self.waiting.extend(due.iter().flatten().cloned());
                self.given = self.given.max(step + 1);
            }
            Give::Nothing => {}
            Give::End => return Ok(None),
        }
        self.epoch = Some(turn.number);
        Ok(self.epoch)
    }
}

#[async_trait]
impl SourceReader for Reader {
    async fn next(&mut self) -> Result<Read> {
        let epoch = match self.epoch {
            None => self.turn().await?,
            epoch => epoch,
        };
        let Some(epoch) = epoch else {
            return Ok(Read::End);
        };
        if let Some(records) = self.waiting.pop_front() {
            return Ok(Read::Records(records));
        }
        // The end comes in an epoch of its own, which leaves no trace: so an epoch without
        // rows is one, also where it is the last.
        self.epoch = None;
        self.next = epoch + 1;
        Ok(Read::EpochFull)
    }

    fn positions(&self) -> Vec<Position> {
        vec![Position {
            partition: self.partition.clone(),
            next: self.given.to_string(),
        }]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use arrow::datatypes::Schema;
    use azud_connector_memory::records;

    use super::*;

    fn feed(turns: watch::Receiver<Turn>) -> Feed {
        let rows = |first| VecDeque::from([records("in", PARTITION, first, &["a"])]);
        let steps = vec![rows(1), VecDeque::new(), rows(2), rows(3)];
        Feed::new("in", Arc::new(Schema::empty()), Arc::new(steps), turns)
    }

    async fn records_of(reader: &mut Box<dyn SourceReader>) -> Vec<u64> {
        let mut given = Vec::new();
        loop {
            match reader.next().await.unwrap() {
                Read::Records(records) => given.push(records.first),
                Read::EpochFull => return given,
                Read::End => panic!("it has not ended"),
            }
        }
    }

    #[tokio::test]
    async fn an_epoch_waits_for_its_turn() {
        let turn = |number, give| Turn { number, give };
        let (turns, receiver) = watch::channel(turn(0, Give::Step(0)));
        let mut reader = feed(receiver).open(&[]).await.unwrap().remove(0);
        for (number, give, first) in [
            (0, Give::Step(0), vec![1]),
            (1, Give::Nothing, vec![]),
            (2, Give::Step(1), vec![]),
            (3, Give::Step(2), vec![2]),
        ] {
            turns.send_replace(turn(number, give));
            assert_eq!(records_of(&mut reader).await, first, "epoch {number}");
            let early = tokio::time::timeout(Duration::from_millis(20), reader.next());
            assert!(early.await.is_err(), "epoch {number} is not committed");
        }
        assert_eq!(reader.positions()[0].next, "3");
        turns.send_replace(turn(4, Give::End));
        assert!(matches!(reader.next().await, Ok(Read::End)));
    }

    #[tokio::test]
    async fn what_was_given_is_known_by_the_position_alone() {
        let turn = Turn {
            number: 0,
            give: Give::Step(3),
        };
        let (_turns, receiver) = watch::channel(turn);
        let feed = feed(receiver);
        let mut reader = feed.open(&[]).await.unwrap().remove(0);
        assert_eq!(records_of(&mut reader).await, [1, 2, 3]);
        let position = |next: &str| Position {
            partition: reader.positions()[0].partition.clone(),
            next: next.to_owned(),
        };
        let mut other = feed.open(&[position("2")]).await.unwrap().remove(0);
        assert_eq!(records_of(&mut other).await, [2, 3]);
    }
}
