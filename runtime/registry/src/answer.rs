//! What a registry answers.

use std::sync::Arc;

use azud_connect::AvroSchema;
use azud_model::Error;
use serde::Deserialize;

/// What is known of an id.
pub(crate) enum Found {
    /// Its schema.
    Schema(Arc<AvroSchema>),
    /// There is none that records could be read by, for this reason.
    None(String),
}

/// The answer to a question for a schema; what is more is not read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SchemaAnswer {
    schema: String,
    schema_type: Option<String>,
    #[serde(default)]
    references: Vec<serde::de::IgnoredAny>,
}

/// The answer to a registration.
#[derive(Deserialize)]
struct IdAnswer {
    id: u64,
}

/// The answer to what went wrong.
#[derive(Deserialize)]
struct ErrorAnswer {
    message: String,
}

/// The most characters of a registry's words that are passed on.
const SHOWN: usize = 300;

/// Reads the answer to a question for a schema.
pub(crate) fn schema(body: &[u8]) -> Found {
    let answer: SchemaAnswer = match serde_json::from_slice(body) {
        Ok(answer) => answer,
        Err(error) => return Found::None(format!("the answer is no schema: {error}")),
    };
    if let Some(other) = answer.schema_type.filter(|kind| kind != "AVRO") {
        return Found::None(format!("it is of the type {}, not AVRO", shown(&other)));
    }
    if !answer.references.is_empty() {
        return Found::None(
            "it refers to other schemas of the registry, which is not supported: register it whole"
                .to_owned(),
        );
    }
    match answer.schema.parse() {
        Ok(schema) => Found::Schema(Arc::new(schema)),
        Err(error) => Found::None(error.to_string()),
    }
}

/// Reads the answer to a registration.
pub(crate) fn id(body: &[u8]) -> Result<u64, Error> {
    let answer: Result<IdAnswer, _> = serde_json::from_slice(body);
    answer
        .map(|answer| answer.id)
        .map_err(|error| Error::invalid("the answer has no id").because(error))
}

/// What the registry says went wrong, as ": its words"; empty where it says nothing.
pub(crate) fn words(body: &[u8]) -> String {
    let answer: Result<ErrorAnswer, _> = serde_json::from_slice(body);
    match answer {
        Ok(answer) => format!(": {}", shown(&answer.message)),
        Err(_) => String::new(),
    }
}

/// So much of a text, in one line.
fn shown(text: &str) -> String {
    let letters = text.chars().take(SHOWN);
    letters
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}
