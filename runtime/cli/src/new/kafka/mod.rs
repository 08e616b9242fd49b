//! `azud new pipeline --from kafka`: a manifest by what is in a topic.

mod guess;
mod write;

use std::path::Path;

use azud_model::ErrorKind;
use serde_json::{Value, json};

use super::folder::File;
use crate::args::NewPipeline;
use crate::failure::Failure;

/// So many records are looked at, about.
const SAMPLE: usize = 500;

/// Looks at the topic, and writes the pipeline that reads it.
pub(super) fn files(arguments: &NewPipeline, name: &str) -> Result<Vec<File>, Failure> {
    let options = options(arguments)?;
    let sample = azud_connector_kafka::sample(options.clone(), Path::new("."), SAMPLE);
    let sample = sample.map_err(|error| match error.kind() {
        ErrorKind::Invalid => Failure::Input(error.to_string()),
        _ => Failure::Pipeline(error),
    })?;
    let guess = guess::guess(&sample);
    let topic = arguments.topic.as_deref().unwrap_or_default();
    let text = write::manifest(name, topic, &options, &sample, &guess);
    Ok(vec![File::new(
        "pipeline.yaml",
        text,
        "the pipeline, with its tests",
    )])
}

/// The source's options: servers, the topic, and what else is said.
fn options(arguments: &NewPipeline) -> Result<Value, Failure> {
    let mut options = json!({ "servers": arguments.servers, "topics": arguments.topic });
    if let Some(more) = &arguments.options {
        let wrong = |why: String| Failure::Input(format!("--options: {why}"));
        let more: Value =
            serde_json::from_str(more).map_err(|error| wrong(format!("not JSON: {error}")))?;
        let (Value::Object(more), Some(all)) = (more, options.as_object_mut()) else {
            return Err(wrong("it is a JSON object: {\"tls\":true}".to_owned()));
        };
        all.extend(more);
    }
    Ok(options)
}
