//! Reads a source as the runtime does: again and again, and in epochs.

use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use azud_model::{ErrorKind, Position, Result, SystemClock};
use tokio::sync::{Mutex, MutexGuard};

use super::ledger::Ledger;
use super::report::{Outcome, said};
use super::source_fixture::{SourceFixture, SourcePromises};
use crate::{Framing, Read, Records, Source, SourceContext, SourceReader};

/// The pause after `Unavailable`.
const PAUSE: Duration = Duration::from_millis(2);

/// The readers of a source that is open.
pub(super) struct Drive {
    /// It may do more than its readers: it lives as long as they do.
    source: Arc<dyn Source>,
    lanes: Vec<Lane>,
    /// How many readers it may have.
    most: usize,
    /// Whose call was polled first: each gets its turn.
    turn: usize,
    quiet: Duration,
    patience: Duration,
}

struct Lane {
    /// Its call holds it, for as long as it is under way.
    reader: Arc<Mutex<Box<dyn SourceReader>>>,
    state: State,
    /// The call of `next` that is under way.
    call: Option<Call>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Full,
    Ended,
}

/// What was read.
pub(super) enum Got {
    Records(Records),
    /// Every reader that has not ended has used up its share.
    Full,
    /// Every reader has ended.
    Ended,
    /// Nothing, in time.
    Nothing,
}

type Call = Pin<Box<dyn Future<Output = Result<Read>> + Send>>;

// === impl Drive ===

impl Drive {
    /// Makes a source, and opens it at these positions.
    pub(super) async fn open(
        fixture: &mut dyn SourceFixture,
        lanes: usize,
        finite: bool,
        resume: &[Position],
    ) -> Outcome<Self> {
        let source = make(fixture, lanes, finite).await?;
        let SourcePromises {
            quiet, patience, ..
        } = fixture.promises();
        let mut drive = Self {
            source,
            lanes: Vec::new(),
            most: lanes,
            turn: 0,
            quiet,
            patience,
        };
        drive.open_again(resume).await?;
        Ok(drive)
    }

    /// Drops the readers, and opens the same source at these positions.
    pub(super) async fn open_again(&mut self, resume: &[Position]) -> Outcome {
        self.lanes.clear();
        let opens = async {
            loop {
                match self.source.open(resume).await {
                    Err(error) if error.kind() == ErrorKind::Unavailable => {
                        tokio::time::sleep(PAUSE).await;
                    }
                    opened => return opened,
                }
            }
        };
        let opened = tokio::time::timeout(self.patience, opens).await;
        let opened = opened.map_err(|_| "it did not open".to_owned())?;
        let readers = said("open", opened)?;
        let (count, most) = (readers.len(), self.most);
        if count == 0 || count > most {
            return Err(format!("{count} readers were opened for {most} lanes"));
        }
        let lanes = readers.into_iter().map(|reader| Lane {
            reader: Arc::new(Mutex::new(reader)),
            state: State::Reading,
            call: None,
        });
        self.lanes = lanes.collect();
        self.start_epoch()
    }

    /// The next records of any reader, or how it stands after that time.
    pub(super) async fn next(&mut self, wait: Duration) -> Outcome<Got> {
        let mut late = pin!(tokio::time::sleep(wait));
        loop {
            if let Some(rest) = self.rest() {
                return Ok(rest);
            }
            let read = poll_fn(|context| match self.poll_calls(context) {
                Some(read) => Poll::Ready(Some(read)),
                None => late.as_mut().poll(context).map(|()| None),
            });
            match read.await {
                None => return Ok(Got::Nothing),
                Some((lane, read)) => match self.note(lane, read)? {
                    Some(got) => return Ok(got),
                    None => tokio::time::sleep(PAUSE).await,
                },
            }
        }
    }

    /// Polls a call of every reader so many times, and drops it.
    pub(super) async fn poll(&mut self, polls: usize) -> Outcome<Got> {
        let mut got = self.rest();
        for _ in 0..polls {
            if got.is_some() {
                break;
            }
            let polled = poll_fn(|context| Poll::Ready(self.poll_calls(context)));
            match polled.await {
                Some((lane, read)) => got = self.note(lane, read)?,
                None => tokio::task::yield_now().await,
            }
        }
        self.drop_calls();
        Ok(got.unwrap_or(Got::Nothing))
    }

    /// The next records; a new epoch begins where nothing else comes.
    pub(super) async fn more(&mut self, wait: Duration) -> Outcome<Got> {
        let mut waited = Duration::ZERO;
        loop {
            match self.next(self.quiet).await? {
                Got::Full => self.start_epoch()?,
                Got::Nothing if waited >= wait => return Ok(Got::Nothing),
                Got::Nothing => {
                    waited += self.quiet;
                    // A tick of the trigger, for the sake of those that rest.
                    if self.lanes.iter().any(|lane| lane.state == State::Full) {
                        self.start_epoch()?;
                    }
                }
                got => return Ok(got),
            }
        }
    }

    /// Takes one more chunk into the ledger; false where all has ended.
    pub(super) async fn step(&mut self, ledger: &mut Ledger) -> Outcome<bool> {
        match self.more(self.patience).await? {
            Got::Records(records) => ledger.take(&records).map(|()| true),
            Got::Ended if ledger.is_complete() => Ok(false),
            Got::Ended => Err(format!("it ended without {}", ledger.missing())),
            _ => Err(format!("nothing came any more of {}", ledger.missing())),
        }
    }

    /// Reads all that is missing, and that nothing else comes; of a `finite` source that
    /// it ends.
    pub(super) async fn read_rest(&mut self, ledger: &mut Ledger, finite: bool) -> Outcome {
        while !ledger.is_complete() {
            self.step(ledger).await?;
        }
        let wait = if finite { self.patience } else { self.quiet };
        match self.more(wait).await? {
            Got::Records(records) => {
                ledger.take(&records)?;
                Err("it gave more than there is".to_owned())
            }
            Got::Nothing if finite => Err("it gave all records, and did not end".to_owned()),
            _ => Ok(()),
        }
    }

    /// The end of an epoch: calls that are under way are dropped.
    pub(super) fn start_epoch(&mut self) -> Outcome {
        self.drop_calls();
        for lane in &mut self.lanes {
            lane.reader()?.start_epoch();
            if lane.state == State::Full {
                lane.state = State::Reading;
            }
        }
        Ok(())
    }

    /// Where it is: calls that are under way are dropped.
    pub(super) fn positions(&mut self) -> Outcome<Vec<Position>> {
        self.drop_calls();
        let mut positions = Vec::new();
        for lane in &self.lanes {
            positions.extend(lane.reader()?.positions());
        }
        Ok(positions)
    }

    pub(super) async fn acknowledge(&mut self) -> Outcome {
        self.drop_calls();
        for lane in &self.lanes {
            let mut reader = lane.reader()?;
            said("acknowledge", reader.acknowledge().await)?;
        }
        Ok(())
    }

    pub(super) fn source(&self) -> &dyn Source {
        self.source.as_ref()
    }

    /// Where nobody is left to be asked.
    fn rest(&self) -> Option<Got> {
        let has = |state| self.lanes.iter().any(|lane| lane.state == state);
        match (has(State::Reading), has(State::Full)) {
            (true, _) => None,
            (false, true) => Some(Got::Full),
            (false, false) => Some(Got::Ended),
        }
    }

    /// Polls a call of every reader that is to be asked; answers the first that is done.
    fn poll_calls(&mut self, context: &mut Context<'_>) -> Option<(usize, Result<Read>)> {
        self.turn += 1;
        let count = self.lanes.len();
        for number in (self.turn..self.turn + count).map(|turn| turn % count) {
            let lane = self.lanes.get_mut(number);
            let Some(lane) = lane.filter(|lane| lane.state == State::Reading) else {
                continue;
            };
            let reader = &lane.reader;
            let call = lane.call.get_or_insert_with(|| {
                let reader = reader.clone();
                Box::pin(async move { reader.lock().await.next().await })
            });
            if let Poll::Ready(read) = call.as_mut().poll(context) {
                lane.call = None;
                return Some((number, read));
            }
        }
        None
    }

    fn drop_calls(&mut self) {
        for lane in &mut self.lanes {
            lane.call = None;
        }
    }

    fn note(&mut self, lane: usize, read: Result<Read>) -> Outcome<Option<Got>> {
        let state = match read {
            Ok(Read::Records(records)) => return Ok(Some(Got::Records(records))),
            Ok(Read::EpochFull) => State::Full,
            Ok(Read::End) => State::Ended,
            Err(error) if error.kind() == ErrorKind::Closed => State::Ended,
            // As the runtime does: asked again, though not as seldom.
            Err(error) if error.kind() == ErrorKind::Unavailable => State::Reading,
            Err(error) => return Err(format!("next: {error} ({:?})", error.kind())),
        };
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.state = state;
        }
        Ok(None)
    }
}

// === impl Lane ===

impl Lane {
    fn reader(&self) -> Outcome<MutexGuard<'_, Box<dyn SourceReader>>> {
        let reader = self.reader.try_lock();
        reader.map_err(|_| "a call is under way".to_owned())
    }
}

/// Makes a source, and looks at it as `azud check` does.
pub(super) async fn make(
    fixture: &mut dyn SourceFixture,
    lanes: usize,
    finite: bool,
) -> Outcome<Arc<dyn Source>> {
    let context = SourceContext {
        pipeline: "test".into(),
        node: "source".to_owned(),
        directory: PathBuf::new(),
        lanes,
        finite,
        framing: Framing::Lines,
        metadata: Vec::new(),
        clock: Arc::new(SystemClock::new()),
    };
    let source = said("make", fixture.make(context).await)?;
    said("check", source.check())?;
    Ok(source)
}
