//! The source: finds files, and deals them to readers.

mod content;
mod dealer;
mod find;
mod found;
mod place;
mod read;
mod reader;
mod share;
mod state;
mod version;

use std::sync::Arc;

use async_trait::async_trait;
use azud_connect::{Source, SourceContext, SourceReader, identity};
use azud_model::{Error, Position, Result};
use serde_json::Value;

use crate::FileSourceOptions;
use dealer::Dealer;
use find::Pattern;
use reader::FileReader;
use share::Share;

/// Files of one pattern.
struct FileSource {
    options: FileSourceOptions,
    context: SourceContext,
    pattern: Pattern,
}

pub(crate) fn make(options: Value, context: SourceContext) -> Result<Arc<dyn Source>> {
    let options: FileSourceOptions = azud_connect::options(options)?;
    if let Some((scheme, _)) = options.path.split_once("://") {
        return Err(Error::invalid(format!(
            "a source of files reads local ones, and `{scheme}://` is elsewhere: name a local path"
        )));
    }
    azud_connect::check_max_line(options.max_line())?;
    if options.max_bytes.is_some_and(|size| size.as_bytes() == 0) {
        return Err(Error::invalid(
            "with `max_bytes: 0` an epoch has no share: leave it out, or write a size like 64MiB",
        ));
    }
    if options.poll.is_some_and(|poll| poll.is_zero()) {
        return Err(Error::invalid(
            "with `poll: 0ms` it would look for files without a pause: leave it out, or write a \
             time like 500ms",
        ));
    }
    let pattern = Pattern::new(&options.path, &context.directory)?;
    Ok(Arc::new(FileSource {
        options,
        context,
        pattern,
    }))
}

#[async_trait]
impl Source for FileSource {
    fn check(&self) -> Result<()> {
        self.pattern.check()
    }

    fn watches(&self) -> Option<String> {
        let place = self.pattern.folder_at();
        let place = place.filter(|_| !self.context.finite);
        place.map(|place| identity(place).display().to_string())
    }

    fn version(&self) -> Result<Option<String>> {
        version::version(&self.pattern).map(Some)
    }

    async fn open(&self, resume: &[Position]) -> Result<Vec<Box<dyn SourceReader>>> {
        let places = place::read(resume)?;
        let dealer = Dealer::new(&self.options, &self.context, self.pattern.clone(), places);
        let found = dealer.open().await?;

        if self.context.finite && found == 0 {
            let (node, path) = (&self.context.node, &self.options.path);
            match resume.is_empty() {
                true => tracing::warn!("source `{node}` finds no file to read at `{path}`"),
                false => tracing::info!("source `{node}` has read all files at `{path}`"),
            }
        }
        // A file that comes later may go to any lane; what is all there needs no more readers
        // than there are files, and an epoch's share cannot be divided among more than it has.
        let files = if self.context.finite || self.pattern.is_one_file() {
            found
        } else {
            usize::MAX
        };
        let limits = [self.options.max_files, self.options.max_rows];
        let share = limits.into_iter().flatten().min();
        let share = share.map_or(usize::MAX, |share| {
            usize::try_from(share).unwrap_or(usize::MAX)
        });
        let readers = self.context.lanes.min(files).min(share).max(1);
        dealer.deal_to(readers);
        Ok((0..readers)
            .map(|index| {
                let share = Share::new(&self.options, index, readers);
                let reader =
                    FileReader::new(index, dealer.clone(), share, &self.context, &self.options);
                Box::new(reader) as Box<dyn SourceReader>
            })
            .collect())
    }
}

#[cfg(test)]
mod tests;
