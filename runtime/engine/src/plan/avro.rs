//! `format: avro`: the schemas that it needs, and the registry that has the others.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use arrow::datatypes::SchemaRef;
use azud_connect::{
    AvroReading, AvroSchema, Connector, Encoder, Wire, WriterSchemas, avro_encoder,
};
use azud_manifest::{AvroSource, Sink, Source, Span, Spanned, Wire as ManifestWire};
use azud_model::{Error, Result};
use azud_registry::{Credentials, Registry};

use super::node::Draft;
use super::source::Place;

/// Where the schemas are that a source's records were written by.
#[derive(Clone)]
pub(crate) struct PlanLookup {
    pub(crate) registry: Arc<Registry>,
    pub(crate) wire: Wire,
    pub(crate) writers: WriterSchemas,
}

/// How a sink's rows become records.
pub(crate) struct PlanAvro {
    schema: AvroSchema,
    pub(crate) register: Option<PlanRegister>,
}

/// Where the schema of a sink is registered.
pub(crate) struct PlanRegister {
    pub(crate) registry: Arc<Registry>,
    pub(crate) subject: String,
    wire: Wire,
    /// Its id there, once it is registered.
    id: OnceLock<u64>,
}

// === impl PlanAvro ===

impl PlanAvro {
    /// An encoder of rows with these columns, once the schema is registered.
    ///
    /// # Errors
    /// `Invalid` if the columns do not fit the schema.
    pub(crate) fn encoder(&self, columns: &SchemaRef) -> Result<Box<dyn Encoder>> {
        let id = match &self.register {
            Some(register) => {
                let id = register.id.get().copied();
                let id = id.ok_or_else(|| Error::internal("a schema is not registered yet"))?;
                Some((register.wire, id))
            }
            None => None,
        };
        avro_encoder(&self.schema, id, columns)
    }

    /// Registers the schema, if it is to be and was not.
    ///
    /// # Errors
    /// Those of the registry.
    pub(crate) async fn register(&self) -> Result<()> {
        let Some(register) = self.register.as_ref().filter(|of| of.id.get().is_none()) else {
            return Ok(());
        };
        let subject = &register.subject;
        let id = register.registry.register(subject, self.schema.text());
        let id = id.await?;
        tracing::info!("the schema is registered under `{subject}`, with the id {id}");
        register.id.get_or_init(|| id);
        Ok(())
    }
}

/// How a source's records are read; `None` if something was blamed.
pub(super) fn reading(
    draft: &mut Draft<'_>,
    node: &Source,
    connector: &Connector,
    place: &Place<'_>,
) -> Option<(AvroReading, Option<PlanLookup>)> {
    let format = node
        .format
        .as_ref()
        .map_or(node.name.span, |format| format.span);
    if !connector.apart {
        let message = format!("`{}` cannot be read as avro", connector.name);
        let help = "a record of avro may hold any bytes, line ends too: it is for systems that keep records apart, like kafka";
        draft.blame(format, message, Some(help.to_owned()));
        return None;
    }
    let avro: &AvroSource = &node.avro.as_ref()?.value;
    let schema = file(draft, place.directory, &avro.schema)?;
    let (made, span) = match &avro.registry {
        Some(address) => {
            let secrets = (
                avro.user.as_ref(),
                avro.password.as_ref(),
                avro.token.as_ref(),
            );
            let lookup = PlanLookup {
                registry: registry(draft, address, secrets)?,
                wire: wire(avro.wire.as_ref()),
                writers: WriterSchemas::default(),
            };
            let made = AvroReading::named(schema, lookup.wire, lookup.writers.clone());
            (made.map(|made| (made, Some(lookup))), avro.schema.span)
        }
        None => {
            let writer = match &avro.writer {
                Some(path) => Some(file(draft, place.directory, path)?),
                None => None,
            };
            let span = avro.writer.as_ref().map_or(avro.schema.span, |of| of.span);
            let made = schema
                .columns()
                .and(AvroReading::bare(schema.clone(), writer));
            (made.map(|made| (made, None)), span)
        }
    };
    match made {
        Ok((made, lookup)) => {
            let twice = node.keep.iter().find(|kept| {
                let mut columns = made.columns().iter();
                columns.any(|column| column.name == kept.value)
            });
            if let Some(kept) = twice {
                let message = format!("the schema has a column `{}` already", kept.value);
                draft.blame(kept.span, message, Some("remove it from `keep`".to_owned()));
                return None;
            }
            Some((made, lookup))
        }
        Err(error) => {
            draft.blame(span, error.to_string(), None);
            None
        }
    }
}

/// How rows with these columns become a sink's records; `None` if something was blamed.
pub(super) fn writing(
    draft: &mut Draft<'_>,
    node: &Sink,
    columns: &SchemaRef,
    place: &Place<'_>,
) -> Option<PlanAvro> {
    let avro = node.avro.as_ref().map(|avro| avro.value.clone());
    let avro = avro.unwrap_or_default();
    let format = node
        .format
        .as_ref()
        .map_or(node.name.span, |format| format.span);
    let (schema, span) = match &avro.schema {
        Some(path) => {
            let schema = file(draft, place.directory, path)?;
            (Ok(AvroSchema::clone(&schema)), path.span)
        }
        None => (AvroSchema::of_columns(&node.name.value, columns), format),
    };
    let fits = schema.and_then(|schema| avro_encoder(&schema, None, columns).map(|_| schema));
    let schema = match fits {
        Ok(schema) => schema,
        Err(error) => {
            draft.blame(span, error.to_string(), None);
            return None;
        }
    };
    let Some(address) = &avro.registry else {
        return Some(PlanAvro {
            schema,
            register: None,
        });
    };
    let secrets = (
        avro.user.as_ref(),
        avro.password.as_ref(),
        avro.token.as_ref(),
    );
    let registry = registry(draft, address, secrets)?;
    let topic = node.connector.options.get("topic");
    let topic = topic.and_then(|topic| topic.as_str());
    let subject = match (&avro.subject, topic) {
        (Some(subject), _) => subject.value.clone(),
        (None, Some(topic)) => format!("{topic}-value"),
        (None, None) => {
            let message = "the schema needs a `subject` to be registered under";
            let help = "without one it is that of the sink's one topic, and this sink has none";
            draft.blame(address.span, message, Some(help.to_owned()));
            return None;
        }
    };
    Some(PlanAvro {
        schema,
        register: Some(PlanRegister {
            registry,
            subject,
            wire: wire(avro.wire.as_ref()),
            id: OnceLock::new(),
        }),
    })
}

/// The schema in a file.
fn file(
    draft: &mut Draft<'_>,
    directory: &Path,
    path: &Spanned<String>,
) -> Option<Arc<AvroSchema>> {
    let text = std::fs::read_to_string(directory.join(&path.value));
    let read = match text {
        Ok(text) => text.parse::<AvroSchema>(),
        Err(error) => {
            let message = format!("cannot read the schema `{}`", path.value);
            Err(Error::invalid(message).because(error))
        }
    };
    match read {
        Ok(schema) => Some(Arc::new(schema)),
        Err(error) => {
            draft.blame(path.span, error.to_string(), None);
            None
        }
    }
}

type Secrets<'a> = (
    Option<&'a Spanned<String>>,
    Option<&'a Spanned<String>>,
    Option<&'a Spanned<String>>,
);

fn registry(
    draft: &mut Draft<'_>,
    address: &Spanned<String>,
    (user, password, token): Secrets<'_>,
) -> Option<Arc<Registry>> {
    let credentials = match (user, password, token) {
        (Some(user), Some(password), _) => {
            Credentials::Basic(user.value.clone(), password.value.clone())
        }
        (_, _, Some(token)) => Credentials::Token(token.value.clone()),
        _ => Credentials::None,
    };
    let span: Span = address.span;
    match Registry::new(&address.value, credentials) {
        Ok(registry) => Some(Arc::new(registry)),
        Err(error) => {
            draft.blame(span, error.to_string(), None);
            None
        }
    }
}

fn wire(wire: Option<&Spanned<ManifestWire>>) -> Wire {
    match wire.map(|wire| wire.value).unwrap_or_default() {
        ManifestWire::Confluent => Wire::Confluent,
        ManifestWire::Apicurio => Wire::Apicurio,
    }
}
