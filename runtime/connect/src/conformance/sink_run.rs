//! Runs a sink as the runtime does: epochs, their records, a process that dies.

use std::sync::Arc;

use azud_model::{Epoch, ErrorKind, Result};

use super::report::{Outcome, said, some_of};
use super::sink_fixture::{SinkFixture, SinkPromises};
use crate::{Delivery, Output, Prepared, Recorded, Recovery, Sink, SinkWriter};

/// So often a call that answers `Unavailable` is made again.
const ATTEMPTS: usize = 5;

/// A pipeline of one sink. What it knows outlives the process: it is the checkpoint, and
/// the truth about what must be visible.
pub(super) struct Run<'a> {
    pub(super) fixture: &'a mut dyn SinkFixture,
    pub(super) promises: SinkPromises,
    /// The id of the run.
    pub(super) id: String,
    live: Option<Live>,
    /// How often the process came back: its number as an owner of the checkpoint.
    starts: u64,
    /// What was recorded last.
    last: Option<Kept>,
    /// The rows of every committed epoch, by number.
    committed: Vec<Vec<i64>>,
    /// Rows that were passed over, and stay.
    stays: Vec<i64>,
    /// What was written since the last epoch, by lane.
    written: Vec<Vec<i64>>,
    next_row: i64,
}

/// The process.
struct Live {
    sink: Arc<dyn Sink>,
    writers: Vec<Box<dyn SinkWriter>>,
    delivery: Delivery,
}

/// A record, with the rows of its epoch: what a spool keeps.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) epoch: Epoch,
    prepared: Vec<Prepared>,
    rows: Vec<Vec<i64>>,
}

// === impl Run ===

impl<'a> Run<'a> {
    /// A new system, and a first start.
    pub(super) async fn start(fixture: &'a mut dyn SinkFixture, lanes: usize) -> Outcome<Self> {
        said("reset", fixture.reset().await)?;
        let promises = fixture.promises();
        let mut run = Self {
            fixture,
            promises,
            id: "run-a".to_owned(),
            live: None,
            starts: 0,
            last: None,
            committed: Vec::new(),
            stays: Vec::new(),
            written: Vec::new(),
            next_row: 0,
        };
        run.restart(lanes).await?;
        Ok(run)
    }

    /// The process dies, where there is one, and another comes back at what is recorded.
    pub(super) async fn restart(&mut self, lanes: usize) -> Outcome {
        self.crash();
        said("recover", self.recover(lanes, false).await?)?;
        self.go_on(lanes).await
    }

    /// The process dies: what was not recorded is as if it had never been.
    pub(super) fn crash(&mut self) {
        self.live = None;
        self.written.clear();
    }

    /// Makes the sink, and tells it what is recorded.
    pub(super) async fn recover(&mut self, lanes: usize, allow_reset: bool) -> Outcome<Result<()>> {
        let sink = said("make", self.fixture.make(lanes).await)?;
        said("check", sink.check(&self.fixture.schema()))?;
        self.tell(sink, allow_reset).await
    }

    /// The running process goes back to what is recorded: the same sink is told, and opens
    /// new writers.
    pub(super) async fn go_back(&mut self) -> Outcome {
        let (sink, lanes) = {
            let live = self.live()?;
            let lanes = live.writers.drain(..).count();
            (live.sink.clone(), lanes)
        };
        said("recover", self.tell(sink, false).await?)?;
        self.go_on(lanes).await
    }

    /// Tells a sink what is recorded.
    async fn tell(&mut self, sink: Arc<dyn Sink>, allow_reset: bool) -> Outcome<Result<()>> {
        let delivery = sink.delivery();
        self.starts += 1;
        let last = self.last.as_ref().map(|last| Recorded {
            epoch: last.epoch,
            prepared: match delivery.is_spooled() {
                true => Vec::new(),
                false => last.prepared.clone(),
            },
        });
        let recovery = Recovery {
            run: self.id.clone(),
            generation: self.starts,
            epoch: last.as_ref().map(|last| last.epoch.number),
            last,
            allow_reset,
        };
        let recovered = sink.recover(&recovery).await;
        self.live = Some(Live {
            sink,
            writers: Vec::new(),
            delivery,
        });
        Ok(recovered)
    }

    /// Commits what is recorded, and opens the writers.
    pub(super) async fn go_on(&mut self, lanes: usize) -> Outcome {
        if self.last.is_some() {
            self.commit().await?;
        }
        let schema = self.fixture.schema();
        let live = self.live()?;
        for lane in 0..lanes {
            let writer = said("writer", live.sink.writer(lane, schema.clone()).await)?;
            live.writers.push(writer);
        }
        self.written = vec![Vec::new(); lanes];
        Ok(())
    }

    /// Writes so many rows to a lane.
    pub(super) async fn write(&mut self, lane: usize, count: usize) -> Outcome {
        let rows = self.rows(count);
        if let Some(written) = self.written.get_mut(lane) {
            written.extend(&rows);
        }
        // A spool keeps them.
        if !self.is_spooled()? {
            let output = self.output(&rows)?;
            let writer = self.writer(lane)?;
            let mut attempt = 0;
            while let Err(error) = writer.write(output.clone()).await {
                again("write", error, &mut attempt)?;
            }
        }
        Ok(())
    }

    /// A call of `write` that is polled so many times and dropped: its rows belong to nobody.
    pub(super) async fn write_half(&mut self, lane: usize, polls: usize) -> Outcome {
        let rows = self.rows(20);
        let output = self.output(&rows)?;
        let mut call = self.writer(lane)?.write(output);
        for _ in 0..polls {
            let polled =
                std::future::poll_fn(|context| std::task::Poll::Ready(call.as_mut().poll(context)));
            if polled.await.is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Writes some rows to each lane.
    pub(super) async fn fill(&mut self, counts: &[usize]) -> Outcome {
        for (lane, count) in counts.iter().enumerate() {
            if *count > 0 {
                self.write(lane, *count).await?;
            }
        }
        Ok(())
    }

    /// Every writer prepares; answers what would be recorded.
    pub(super) async fn prepare(&mut self) -> Outcome<Kept> {
        let rows = self.written.clone();
        let epoch = Epoch {
            number: self.committed.len() as u64,
            time_ms: (self.committed.len() as i64 + 1) * 1000,
            input_rows: rows.iter().map(|lane| lane.len() as u64).sum(),
            last: false,
        };
        let is_spooled = self.is_spooled()?;
        let mut prepared = Vec::new();
        if !is_spooled {
            for (lane, writer) in self.live()?.writers.iter_mut().enumerate() {
                let mut attempt = 0;
                let mut one = loop {
                    match writer.prepare(&epoch).await {
                        Ok(one) => break one,
                        Err(error) => again("prepare", error, &mut attempt)?,
                    }
                };
                let written = rows.get(lane).map_or(0, |rows| rows.len() as u64);
                if one.rows != written {
                    return Err(format!(
                        "lane {lane} prepared {} rows of epoch {}, and was given {written}",
                        one.rows, epoch.number
                    ));
                }
                one.lane = lane;
                prepared.push(one);
            }
        }
        self.written.iter_mut().for_each(Vec::clear);
        Ok(Kept {
            epoch,
            prepared,
            rows,
        })
    }

    /// The epoch is recorded: from here on its rows must become visible, once.
    pub(super) fn record(&mut self, kept: Kept) {
        self.committed.push(kept.rows.concat());
        self.last = Some(kept);
    }

    /// Commits what is recorded.
    pub(super) async fn commit(&mut self) -> Outcome {
        let mut attempt = 0;
        while let Err(error) = self.try_commit().await? {
            again("commit", error, &mut attempt)?;
        }
        Ok(())
    }

    async fn try_commit(&mut self) -> Outcome<Result<()>> {
        let Some(last) = self.last.clone() else {
            return Err("nothing is recorded".to_owned());
        };
        let sink = self.live()?.sink.clone();
        if !self.is_spooled()? {
            return Ok(sink.commit(&last.epoch, last.prepared).await);
        }
        let passed = self.pass_on(&last, true).await?;
        if passed.is_err() {
            said("abort", sink.abort().await)?;
        }
        Ok(passed)
    }

    /// Gives a sink behind a spool a recorded epoch; `is_whole` up to its commit.
    async fn pass_on(&mut self, last: &Kept, is_whole: bool) -> Outcome<Result<()>> {
        let schema = self.fixture.schema();
        let sink = self.live()?.sink.clone();
        let mut outputs = Vec::new();
        for rows in last.rows.iter().filter(|rows| !rows.is_empty()) {
            outputs.push(self.output(rows)?);
        }
        let passes = async {
            let mut writer = sink.writer(0, schema).await?;
            for output in outputs {
                writer.write(output).await?;
            }
            let prepared = writer.prepare(&last.epoch).await?;
            match is_whole {
                true => sink.commit(&last.epoch, vec![prepared]).await,
                false => Ok(()),
            }
        };
        Ok(passes.await)
    }

    /// The recorded epoch goes half the way to a sink behind a spool; others have it already.
    pub(super) async fn pass_on_half(&mut self) -> Outcome {
        match self.last.clone() {
            Some(last) if self.is_spooled()? => said("write", self.pass_on(&last, false).await?),
            _ => Ok(()),
        }
    }

    /// A whole epoch, with so many rows a lane; and what is visible after it.
    pub(super) async fn epoch(&mut self, counts: &[usize]) -> Outcome {
        self.fill(counts).await?;
        let kept = self.prepare().await?;
        self.record(kept);
        self.commit().await?;
        self.see(&format!("after epoch {}", self.committed.len() - 1))
            .await
    }

    pub(super) async fn abort(&mut self) -> Outcome {
        let aborted = self.live()?.sink.abort().await;
        said("abort", aborted)
    }

    /// Another run, or an older copy of this one's checkpoint, that knows of so many epochs.
    pub(super) fn forget(&mut self, id: &str, last: Option<Kept>) {
        let epochs = last
            .as_ref()
            .map_or(0, |last| last.epoch.number as usize + 1);
        let later = self.committed.split_off(epochs.min(self.committed.len()));
        if !self.promises.puts_aside {
            self.stays.extend(later.concat());
        }
        self.set(id, last);
    }

    /// Tells the next start something else than what is true.
    pub(super) fn set(&mut self, id: &str, last: Option<Kept>) {
        id.clone_into(&mut self.id);
        self.last = last;
    }

    /// What was recorded last.
    pub(super) fn last(&self) -> Option<Kept> {
        self.last.clone()
    }

    /// Only what was committed is visible, once; and all of it, unless the sink lags.
    pub(super) async fn see(&mut self, when: &str) -> Outcome {
        self.compare(when, !self.promises.lags).await
    }

    /// All that was committed is visible: a run has come back.
    pub(super) async fn see_all(&mut self, when: &str) -> Outcome {
        self.compare(when, true).await
    }

    async fn compare(&mut self, when: &str, all: bool) -> Outcome {
        let Some(mut visible) = said("visible", self.fixture.visible().await)? else {
            return Ok(());
        };
        let mut expected = match self.promises.replaces {
            true => self.committed.last().cloned().unwrap_or_default(),
            false => self.committed.concat(),
        };
        expected.extend(&self.stays);
        visible.sort_unstable();
        expected.sort_unstable();
        let count = |of: &[i64], row: i64| of.iter().filter(|found| **found == row).count();
        let at_most = match self.promises.commits_once {
            true => 1,
            false => usize::MAX,
        };
        let too_few = |row: &&i64| all && count(&visible, **row) == 0;
        let missing: Vec<_> = expected.iter().filter(too_few).collect();
        let unknown: Vec<_> = visible
            .iter()
            .filter(|row| !expected.contains(row))
            .collect();
        let too_many = |row: &&i64| count(&visible, **row) > at_most;
        let doubled: Vec<_> = expected.iter().filter(too_many).collect();
        let mut found = Vec::new();
        for (what, rows) in [
            ("missing", missing),
            ("visible and not committed", unknown),
            ("more than once", doubled),
        ] {
            if !rows.is_empty() {
                found.push(format!("rows {} are {what}", some_of(&rows)));
            }
        }
        match found.is_empty() {
            true => Ok(()),
            false => Err(format!("{when}: {}", found.join(", "))),
        }
    }

    fn live(&mut self) -> Outcome<&mut Live> {
        self.live
            .as_mut()
            .ok_or_else(|| "the sink is not open".to_owned())
    }

    fn writer(&mut self, lane: usize) -> Outcome<&mut Box<dyn SinkWriter>> {
        let writer = self.live()?.writers.get_mut(lane);
        writer.ok_or_else(|| format!("there is no writer of lane {lane}"))
    }

    pub(super) fn is_spooled(&mut self) -> Outcome<bool> {
        Ok(self.live()?.delivery.is_spooled())
    }

    /// Whether nothing that was recorded is lost, whatever dies.
    pub(super) fn survives(&mut self) -> Outcome<bool> {
        let delivery = self.live()?.delivery;
        Ok(!matches!(delivery, Delivery::AtLeastOnce(_)))
    }

    fn rows(&mut self, count: usize) -> Vec<i64> {
        let first = self.next_row;
        self.next_row += count as i64;
        (first..self.next_row).collect()
    }

    fn output(&mut self, rows: &[i64]) -> Outcome<Output> {
        let wants = self.live()?.sink.wants();
        said("output", self.fixture.output(wants, rows))
    }
}

/// A system that is away is asked again; anything else ends the case.
fn again(call: &str, error: azud_model::Error, attempt: &mut usize) -> Outcome {
    *attempt += 1;
    match error.kind() == ErrorKind::Unavailable && *attempt < ATTEMPTS {
        true => Ok(()),
        false => said(call, Err(error)),
    }
}
