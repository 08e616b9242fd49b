//! From options to a sink.

use std::sync::Arc;

use azud_connect::{Sink, SinkContext};
use azud_model::{Error, Mode, Result};
use azud_object::BucketUrl;
use serde_json::Value;

use super::file_sink::FileSink;
use super::paths::Paths;
use super::writer::Plan;
use crate::{FileSinkOptions, Layout, list, object};

pub(crate) fn make(options: Value, context: SinkContext) -> Result<Arc<dyn Sink>> {
    let options: FileSinkOptions = azud_connect::options(options)?;
    match BucketUrl::parse(&options.path, "a file sink")? {
        Some(url) => object::make(&url, &options, context),
        None => Ok(Arc::new(build(&options, context)?)),
    }
}

pub(super) fn build(options: &FileSinkOptions, context: SinkContext) -> Result<FileSink> {
    let format = context.format.as_str();
    let layout = options.layout.unwrap_or(match format {
        "json" | "csv" | "avro" => Layout::Table,
        _ => Layout::Batches,
    });
    check(options, layout, context.mode).map_err(Error::invalid)?;
    let extension = list::extension(format);
    let directory = &context.directory;
    let paths = match layout {
        Layout::Batches => Paths::of_batches(&options.path, directory, extension),
        Layout::Table | Layout::Rolling => Paths::of_table(&options.path, directory, extension),
    };
    let plan = match layout {
        Layout::Batches => Plan::Batches,
        Layout::Table => Plan::Table,
        Layout::Rolling => Plan::Rolling(options.roll.unwrap_or_default()),
    };
    Ok(FileSink::new(context, paths, plan))
}

fn check(options: &FileSinkOptions, layout: Layout, mode: Mode) -> Result<(), String> {
    if options.roll.is_some() && layout != Layout::Rolling {
        return Err("`roll` belongs to `layout: rolling`".to_owned());
    }
    match (layout, mode) {
        (Layout::Table | Layout::Rolling, Mode::Update) => Err(
            "with mode update a changed row would stand beside its old self in the files: use \
             `mode: complete`, or `layout: batches`, which keeps each epoch apart"
                .to_owned(),
        ),
        (Layout::Rolling, Mode::Complete) => Err(
            "with mode complete a rolling file would hold the whole result again and again: use \
             `layout: table`"
                .to_owned(),
        ),
        _ => Ok(()),
    }
}
