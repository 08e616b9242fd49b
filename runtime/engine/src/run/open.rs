//! Opening: the checkpoint, what of it is not committed, sources, sinks.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use azud_connect::{
    JournalOptions, Journaled, LocalDisk, OnFull, Recovery, Sink, SinkWriter, Source, fault_point,
};
use azud_model::Result;
use azud_registry::Registered;
use azud_state::{Record, kept_replays};

use super::attempt::Attempt;
use super::open_reader::OpenReader;
use super::retry::Retry;
use crate::event_time::SourceTimes;
use crate::plan::{Encode, Plan, PlanSource};
use crate::recovery::{Recorder, Resume};

/// What is open before the first epoch.
pub(super) struct Opened {
    /// Records epochs, where there is a checkpoint.
    pub(super) recorder: Option<Recorder>,
    /// The last epoch of an earlier run.
    pub(super) last: Option<Record>,
    /// Every sink, behind the spool where it needs it.
    pub(super) sinks: Vec<Arc<dyn Sink>>,
    /// In the order of their sources.
    pub(super) readers: Vec<OpenReader>,
    /// How far the event time of each source had come.
    pub(super) times: Vec<SourceTimes>,
    /// For every sink, a writer for each lane.
    pub(super) writers: Vec<Vec<Box<dyn SinkWriter>>>,
}

// === impl Plan ===

impl Plan {
    /// Opens everything; what an earlier run has recorded is committed first. Until that is
    /// done the attempt stays `unsettled`.
    pub(super) async fn open(
        &self,
        allow_reset: &[String],
        attempt: &Attempt,
        sources: &[Arc<dyn Source>],
        kept: &mut Vec<OpenReader>,
    ) -> Result<Opened> {
        let mut resume = Resume::open(self, allow_reset, attempt).await?;
        let sinks = self.spooled(resume.as_ref());
        match &mut resume {
            Some(resume) => {
                self.recover_sinks(&sinks, resume).await?;
                resume.recorder.keep_components(self).await?;
            }
            None => self.tell_losses(),
        }
        self.open_replays(resume.as_ref(), attempt).await?;
        attempt.has_come_back.store(true, Ordering::Release);
        attempt.unsettled.store(false, Ordering::Release);
        let times = (0..self.sources.len()).map(|source| match &resume {
            Some(resume) => resume.times(source, self.source_name(source)),
            None => SourceTimes::NONE,
        });
        let times = times.collect();
        self.register_schemas().await?;
        let writers = self.open_writers(&sinks).await?;
        // Last: those that are kept stay so where anything else fails.
        let readers = self.open_readers(sources, resume.as_ref(), kept).await?;
        let (recorder, last) = match resume {
            Some(mut resume) => {
                // What short runs have left, each a little.
                let after = resume.last.as_ref().map_or(0, |last| last.epoch + 1);
                resume.recorder.merge(after);
                (Some(resume.recorder), resume.last)
            }
            None => (None, None),
        };
        Ok(Opened {
            recorder,
            last,
            sinks,
            times,
            readers,
            writers,
        })
    }

    /// The sources, those that cannot be asked again behind a journal, and those whose records name
    /// their schemas behind a registry. They outlive attempts: what is sent to them meanwhile goes to
    /// the journal.
    pub(super) fn journaled(&self) -> Vec<Arc<dyn Source>> {
        let sources = 0..self.sources.len();
        sources
            .filter_map(|source| self.journaled_source(source))
            .collect()
    }

    /// One of them, by number.
    pub(crate) fn journaled_source(&self, number: usize) -> Option<Arc<dyn Source>> {
        let plan = self.sources.get(number)?;
        let source = self.behind_journal(number, plan);
        // A test's own source may give rows that are typed already.
        Some(
            match plan.lookup.as_ref().filter(|_| plan.format.is_some()) {
                Some(lookup) => Arc::new(Registered::new(
                    source,
                    lookup.registry.clone(),
                    lookup.wire,
                    lookup.writers.clone(),
                    self.clock.clone(),
                )),
                None => source,
            },
        )
    }

    fn behind_journal(&self, number: usize, plan: &PlanSource) -> Arc<dyn Source> {
        // A plan with a journal has a checkpoint on a disk.
        let checkpoint = self.checkpoint.as_ref();
        let folder = checkpoint.and_then(|checkpoint| checkpoint.location.folder());
        let Some((journal, folder)) = plan.journal.zip(folder) else {
            return plan.source.clone();
        };
        let node = self.source_name(number);
        let options = JournalOptions {
            max_bytes: journal.bytes,
            on_full: match journal.drop {
                true => OnFull::Drop,
                false => OnFull::Wait,
            },
            ..JournalOptions::default()
        };
        Arc::new(Journaled::new(
            plan.source.clone(),
            node,
            folder.join("journal").join(node),
            Arc::new(LocalDisk),
            options,
            self.trigger.finite(),
            self.clock.clone(),
        ))
    }

    /// The sinks, those that cannot find again what they prepared behind a spool.
    fn spooled(&self, resume: Option<&Resume>) -> Vec<Arc<dyn Sink>> {
        let sinks = self.sinks.iter().enumerate().map(|(number, plan)| {
            let spool = resume.filter(|_| plan.sink.delivery().is_spooled());
            let (sink, schema) = (plan.sink.clone(), plan.schema.clone());
            match spool {
                Some(resume) => Arc::new(resume.spooled(self.sink_name(number), sink, schema)),
                None => sink,
            }
        });
        sinks.collect()
    }

    /// The dead letters that are to be replayed, and those of the recorded epoch, which are done.
    async fn open_replays(&self, resume: Option<&Resume>, attempt: &Attempt) -> Result<()> {
        let Some(resume) = resume else {
            attempt.replays.open_in_memory(&self.inlets(), &self.replay);
            return Ok(());
        };
        let storage = resume.recorder.storage();
        let _gate = attempt.replays.gate().await;
        let replayed = resume.last.as_ref().and_then(|last| last.replayed);
        let (inlets, replays) = (Arc::new(self.inlets()), &attempt.replays);
        let mut retry = Retry::new("the checkpoint");
        loop {
            let opened = async {
                let kept = kept_replays(storage.as_ref(), replayed).await?;
                replays.open(inlets.clone(), storage, kept).await
            };
            match opened.await {
                Ok(()) => return Ok(()),
                Err(error) => retry.after(error).await?,
            }
        }
    }

    /// Rolls back what was never recorded, and commits what was.
    async fn recover_sinks(&self, sinks: &[Arc<dyn Sink>], resume: &mut Resume) -> Result<()> {
        for (number, sink) in sinks.iter().enumerate() {
            let node = self.sink_name(number);
            let name = format!("sink `{node}`");
            let recovery = resume.sink(node)?;
            if let Some(old) = resume.take_predecessor(node) {
                tracing::info!("{name}: the component that prepared the last epoch commits it");
                let old_name = format!(
                    "{name} as it was before, with the configuration and grants of the manifest"
                );
                recover_sink(node, &old_name, old.as_ref(), &recovery, true).await?;
                fault_point("after-handover");
            }
            let is_own = resume.is_own(node);
            recover_sink(node, &name, sink.as_ref(), &recovery, is_own).await?;
        }
        if let Some(last) = &resume.last {
            // The next manifest may have other sinks.
            resume.recorder.set_committed(last.epoch).await;
            if !self.trigger.is_by_hand() {
                tracing::info!("{} goes on after epoch {}", self.name, last.epoch);
            }
        }
        Ok(())
    }

    /// Without a checkpoint a crash has a price, which nobody should learn from it.
    fn tell_losses(&self) {
        // Of a group's members positions are in the transactions of the sink.
        if !self.trigger.finite() && !self.trigger.is_by_hand() && !self.shared {
            tracing::info!(
                "no `checkpoint`: after a crash sources begin where they would without a run before, \
                 what sockets gave is lost, and aggregates begin at nothing"
            );
        }
    }

    async fn open_readers(
        &self,
        sources: &[Arc<dyn Source>],
        resume: Option<&Resume>,
        kept: &mut Vec<OpenReader>,
    ) -> Result<Vec<OpenReader>> {
        let mut readers = Vec::new();
        for (source, opens) in sources.iter().enumerate() {
            if kept.iter().any(|reader| reader.source == source) {
                continue;
            }
            let node = self.source_name(source);
            let name = format!("source `{node}`");
            let positions = resume.map(|resume| resume.positions(node));
            let positions = positions.unwrap_or_default();
            let mut retry = Retry::new(&name);
            let opened = loop {
                match opens.open(&positions).await {
                    Ok(opened) => break opened,
                    Err(error) => retry
                        .after(error)
                        .await
                        .map_err(|error| error.within(&name))?,
                }
            };
            let opened = opened.into_iter().enumerate();
            readers.extend(opened.map(|(number, reader)| OpenReader::new(source, number, reader)));
        }
        readers.append(kept);
        readers.sort_by_key(|reader| (reader.source, reader.number));
        Ok(readers)
    }

    /// Registers the schemas of sinks that have a registry; tried again while that is away.
    async fn register_schemas(&self) -> Result<()> {
        for (number, plan) in self.sinks.iter().enumerate() {
            let Some(Encode::Avro(avro)) = &plan.encode else {
                continue;
            };
            let name = format!("sink `{}`", self.sink_name(number));
            let mut retry = Retry::new(&name);
            while let Err(error) = avro.register().await {
                let waited = retry.after(error).await;
                waited.map_err(|error| error.within(&name))?;
            }
        }
        Ok(())
    }

    async fn open_writers(&self, sinks: &[Arc<dyn Sink>]) -> Result<Vec<Vec<Box<dyn SinkWriter>>>> {
        let mut writers = Vec::new();
        for (number, (plan, sink)) in self.sinks.iter().zip(sinks).enumerate() {
            let name = format!("sink `{}`", self.sink_name(number));
            let mut of_sink = Vec::new();
            for lane in 0..self.lanes {
                let mut retry = Retry::new(&name);
                of_sink.push(loop {
                    match sink.writer(lane, plan.schema.clone()).await {
                        Ok(writer) => break writer,
                        Err(error) => retry
                            .after(error)
                            .await
                            .map_err(|error| error.within(&name))?,
                    }
                });
            }
            writers.push(of_sink);
        }
        Ok(writers)
    }

    pub(crate) fn source_name(&self, source: usize) -> &str {
        let node = self.sources.get(source).map_or(0, |source| source.node);
        self.nodes.get(node).map_or("", |node| &node.name)
    }

    pub(crate) fn sink_name(&self, sink: usize) -> &str {
        let node = self.sinks.get(sink).map_or(0, |sink| sink.node);
        self.nodes.get(node).map_or("", |node| &node.name)
    }

    /// The source of that name that streams.
    pub(crate) fn source_number(&self, name: &str) -> Option<usize> {
        (0..self.sources.len()).find(|source| self.source_name(*source) == name)
    }

    /// The sink of that name.
    pub(crate) fn sink_number(&self, name: &str) -> Option<usize> {
        (0..self.sinks.len()).find(|sink| self.sink_name(*sink) == name)
    }
}

/// Tells a sink what is recorded; what it has prepared for that it `commits`, or, if it
/// cannot and `--allow-reset` names it, gives up.
async fn recover_sink(
    node: &str,
    name: &str,
    sink: &dyn Sink,
    recovery: &Recovery,
    commits: bool,
) -> Result<()> {
    tell(name, sink, recovery).await?;
    let Some(last) = recovery.last.as_ref().filter(|_| commits) else {
        return Ok(());
    };
    let epoch = last.epoch.number;
    let mut retry = Retry::new(name);
    while let Err(error) = sink.commit(&last.epoch, last.prepared.clone()).await {
        let Err(error) = retry.after(error).await else {
            continue;
        };
        if !recovery.allow_reset {
            return Err(error.within(format!(
                "{name}: cannot commit epoch {epoch}, which is recorded (if that can never \
                 succeed, `--allow-reset {node}` goes on without its rows there)"
            )));
        }
        tracing::warn!(
            "{name}: {error}: the rows of epoch {epoch} are given up there, as `--allow-reset \
             {node}` says"
        );
        let recovery = Recovery {
            last: None,
            ..recovery.clone()
        };
        return tell(name, sink, &recovery).await;
    }
    Ok(())
}

/// What `last` has not is rolled back.
async fn tell(name: &str, sink: &dyn Sink, recovery: &Recovery) -> Result<()> {
    let mut retry = Retry::new(name);
    while let Err(error) = sink.recover(recovery).await {
        let waited = retry.after(error).await;
        waited.map_err(|error| error.within(name))?;
    }
    Ok(())
}
