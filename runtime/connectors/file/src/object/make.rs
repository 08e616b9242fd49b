//! From options to a sink.

use std::sync::Arc;

use azud_connect::{Sink, SinkContext};
use azud_model::{Error, Mode, Result};
use azud_object::{Bucket, BucketUrl};

use super::place::Place;
use super::sink::ObjectSink;
use crate::{FileSinkOptions, Layout};

/// The sink at `url`; nothing is asked of it yet.
pub(crate) fn make(
    url: &BucketUrl,
    options: &FileSinkOptions,
    context: SinkContext,
) -> Result<Arc<dyn Sink>> {
    check(options, context.mode).map_err(Error::invalid)?;
    let place = Place::new(Bucket::s3(url)?, &context.format);
    Ok(Arc::new(ObjectSink::new(context, place)))
}

/// What an object store cannot do.
pub(super) fn check(options: &FileSinkOptions, mode: Mode) -> Result<(), String> {
    match options.layout {
        Some(Layout::Rolling) => {
            return Err(
                "`layout: rolling` adds the rows of later epochs to a file, and an object cannot \
                 grow: use `layout: table`, with a `trigger` or `checkpoint: { every: ... }` that \
                 makes epochs as long as files are to be large"
                    .to_owned(),
            );
        }
        Some(Layout::Batches) => {
            return Err(
                "`layout: batches` names a folder by the time at which its epoch ends, and an \
                 upload needs its name when it begins: use `layout: table`"
                    .to_owned(),
            );
        }
        Some(Layout::Table) | None => {}
    }
    if options.roll.is_some() {
        return Err("`roll` belongs to `layout: rolling`, which a bucket cannot have".to_owned());
    }
    match mode {
        Mode::Update => Err(
            "with mode update a changed row would stand beside its old self in the files: use \
             `mode: complete`"
                .to_owned(),
        ),
        Mode::Append | Mode::Complete => Ok(()),
    }
}
