//! The sinks of a manifest that have dead letters, and what they have.

use std::path::PathBuf;
use std::sync::Arc;

use azud_connect::{ReadBack, SinkContext, decoder, encoder};
use azud_manifest::{Format as ManifestFormat, Manifest, Sink};
use azud_model::{Clock, Error, Mode, Result, rejected_schema};
use tokio::runtime::Builder;

use super::Letter;
use super::letter::Seen;
use crate::connectors::find;
use crate::plan::to_format;

/// The suffix of a node's side output of rejected rows.
const REJECTED: &str = ".rejected";

/// The sinks that take rejected rows, as a manifest says: nothing of it is started or looked at but
/// what they have written.
#[derive(Debug)]
pub struct DeadLetters {
    sinks: Vec<LetterSink>,
}

/// A sink that takes rejected rows alone.
#[derive(Debug)]
pub struct LetterSink {
    /// Its name.
    pub name: String,
    /// How it is read; or why it cannot be.
    read: Result<ReadBack, String>,
}

// === impl DeadLetters ===

impl DeadLetters {
    /// Of a manifest in this folder.
    pub fn new(manifest: &Manifest, directory: PathBuf, clock: &Arc<dyn Clock>) -> Self {
        let dead_letters = manifest.dead_letters.as_ref().map(|name| &name.value);
        let takes = |sink: &&Sink| {
            let mut from = sink.from.iter();
            dead_letters == Some(&sink.name.value)
                || !sink.from.is_empty() && from.all(|from| from.value.ends_with(REJECTED))
        };
        let sinks = manifest.sinks.values().filter(takes);
        let sinks = sinks.map(|sink| LetterSink {
            name: sink.name.value.clone(),
            read: read_back(manifest, sink, &directory, clock),
        });
        Self {
            sinks: sinks.collect(),
        }
    }

    /// The sinks that cannot be read, each with the reason.
    pub fn unreadable(&self) -> impl Iterator<Item = (&str, &str)> {
        let sinks = self.sinks.iter();
        sinks.filter_map(|sink| Some((sink.name.as_str(), sink.read.as_ref().err()?.as_str())))
    }

    /// Every sink.
    pub fn sinks(&self) -> &[LetterSink] {
        &self.sinks
    }

    /// Reads every dead letter that is committed, also while a pipeline writes more; lines that are
    /// none are told to `damaged`.
    ///
    /// # Errors
    /// `Invalid` if a file cannot be read; what `each` answers.
    pub fn read(
        &self,
        each: &mut dyn FnMut(Letter) -> Result<()>,
        damaged: &mut dyn FnMut(String),
    ) -> Result<()> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| Error::internal("cannot wait").because(error))?;
        for sink in &self.sinks {
            if let Ok(back) = &sink.read {
                // What two sinks have of one row is one dead letter.
                let mut seen = Seen::default();
                let read = sink.each(back, &mut seen, each, damaged);
                let name = &sink.name;
                let read = runtime.block_on(read);
                read.map_err(|error| error.within(format!("sink `{name}`")))?;
            }
        }
        Ok(())
    }
}

// === impl LetterSink ===

impl LetterSink {
    async fn each(
        &self,
        back: &ReadBack,
        seen: &mut Seen,
        each: &mut dyn FnMut(Letter) -> Result<()>,
        damaged: &mut dyn FnMut(String),
    ) -> Result<()> {
        // Nothing is there before the first row was rejected.
        if back.source.version()?.is_some_and(|word| word.is_empty()) {
            return Ok(());
        }
        let mut decoder = decoder(&back.format)?;
        for mut reader in back.source.open(&[]).await? {
            reader.start_epoch();
            loop {
                let records = match reader.next().await? {
                    azud_connect::Read::Records(records) => records,
                    azud_connect::Read::EpochFull => {
                        reader.start_epoch();
                        continue;
                    }
                    azud_connect::Read::End => break,
                };
                let decoded = decoder.decode(&records)?;
                let place = |position: u64| format!("{}, line {position}", records.partition.name);
                for bad in &decoded.bad {
                    let place = place(records.position(bad.index));
                    damaged(format!("{place}: no dead letter: {}", bad.reason));
                }
                let positions = decoded.batch.origin().map(|origin| &origin.positions);
                for row in 0..decoded.batch.rows() {
                    let position = positions.and_then(|of| of.values().get(row));
                    let place = place(position.copied().unwrap_or_default());
                    let letter = Letter::of(decoded.batch.columns(), row, seen);
                    if letter.node.is_empty() {
                        damaged(format!("{place}: no dead letter: it names no node"));
                        continue;
                    }
                    each(Letter {
                        sink: self.name.clone(),
                        place,
                        ..letter
                    })?;
                }
            }
        }
        Ok(())
    }
}

fn read_back(
    manifest: &Manifest,
    sink: &Sink,
    directory: &std::path::Path,
    clock: &Arc<dyn Clock>,
) -> Result<ReadBack, String> {
    let connector = &sink.connector.name.value;
    let otherwise = "dead letters are read from a sink `file` on a local disk, in json or csv: give \
                     the rejected rows to one, too";
    if let Some(plugin) = &sink.plugin {
        return Err(format!(
            "the plugin `{}` has them; {otherwise}",
            plugin.value
        ));
    }
    let Some((_, make)) = find(connector).and_then(|connector| connector.sink) else {
        return Err(format!("`{connector}` is no sink; {otherwise}"));
    };
    let format = sink.format.as_ref().map(|format| format.value);
    let format = format.unwrap_or(ManifestFormat::Json);
    let has_header = sink.header.as_ref().is_none_or(|header| header.value);
    let header = match format {
        ManifestFormat::Csv if has_header => {
            let encoder = encoder(to_format(format), &rejected_schema());
            encoder.map(|encoder| encoder.header()).unwrap_or_default()
        }
        _ => Vec::new(),
    };
    let context = SinkContext {
        pipeline: manifest.name.value.clone(),
        node: sink.name.value.clone(),
        directory: directory.to_owned(),
        lanes: 1,
        mode: Mode::Append,
        format: format.name().to_owned(),
        header,
        checkpointed: manifest.checkpoint.is_some(),
        group: None,
        clock: clock.clone(),
    };
    let made = make(sink.connector.options.clone(), context);
    let made = made.map_err(|error| error.to_string())?;
    let back = made.read_back(&rejected_schema());
    back.map_err(|error| error.to_string())?.ok_or_else(|| {
        let format = format.name();
        format!("what `{connector}` writes as {format} there is not read back; {otherwise}")
    })
}
