//! The source: finds files, and deals them to readers.

mod content;
mod dealer;
mod find;
mod place;
mod read;
mod reader;
mod share;

use std::sync::Arc;

use async_trait::async_trait;
use azud_connect::{LARGEST_MAX_RECORD, Source, SourceContext, SourceReader};
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
    let options: FileSourceOptions = azud_connect::options(&context.node, options)?;
    if options.max_line() > LARGEST_MAX_RECORD {
        return Err(Error::invalid(format!(
            "node `{}`: `max_line` is at most {LARGEST_MAX_RECORD}",
            context.node
        )));
    }
    let pattern = Pattern::new(&options.path, &context.directory)
        .map_err(|error| error.within(format!("node `{}`", context.node)))?;
    Ok(Arc::new(FileSource {
        options,
        context,
        pattern,
    }))
}

#[async_trait]
impl Source for FileSource {
    async fn open(&self, resume: &[Position]) -> Result<Vec<Box<dyn SourceReader>>> {
        let places = place::read(resume)?;
        let dealer = Dealer::new(&self.options, &self.context, self.pattern.clone(), places);
        let found = dealer.open().await?;

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
