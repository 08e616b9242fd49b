//! Sinks: connector, format, mode; and the sink of dead letters.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use azud_connect::{Format, RecordColumns, SinkContext, Wants, encoder};
use azud_manifest::{Format as ManifestFormat, Mode as ManifestMode, Sink};
use azud_model::{Mode, Result, rejected_schema};
use azud_sql::Times;

use super::avro;
use super::node::{Draft, Output, REJECTED};
use super::source::{Place, to_format};
use super::{Encode, Environment, PlanSink, sink_plugin};
use crate::connectors::find;
use crate::graph::{From, Side, Vertex, Work};
use crate::run::OnReject;

/// Adds a sink, but not the one of dead letters.
pub(super) fn add(
    draft: &mut Draft<'_>,
    sink: &Sink,
    place: &Place<'_>,
    environment: &Environment<'_>,
) {
    let Some(output) = draft.read(&sink.from) else {
        return;
    };
    draft.note_rejected_readers(&output.from);
    add_reading(draft, sink, output, place, environment);
}

/// Adds the sink of dead letters, after all others: it is for the rejected rows
/// that nobody else reads.
pub(super) fn add_dead_letters(
    draft: &mut Draft<'_>,
    place: &Place<'_>,
    environment: &Environment<'_>,
) {
    let manifest = draft.manifest;
    let name = manifest.dead_letters.as_ref().map(|name| &name.value);
    let Some(sink) = name.and_then(|name| manifest.sinks.get(name)) else {
        return;
    };
    let output = draft.read(&sink.from);
    if let Some(output) = &output {
        draft.note_rejected_readers(&output.from);
    }
    if let Some(output) = with_dead_letters(draft, sink, output) {
        add_reading(draft, sink, output, place, environment);
    }
}

fn add_reading(
    draft: &mut Draft<'_>,
    sink: &Sink,
    output: Output,
    place: &Place<'_>,
    environment: &Environment<'_>,
) {
    match &sink.plugin {
        Some(name) => sink_plugin::add(draft, sink, name, output, environment),
        None => connector(draft, sink, output, place),
    }
}

/// Adds the rejected rows that nobody else reads.
pub(super) fn with_dead_letters(
    draft: &mut Draft<'_>,
    sink: &Sink,
    output: Option<Output>,
) -> Option<Output> {
    let mut output = match output {
        Some(output) if output.schema != rejected_schema() => {
            let message = "the sink of `dead_letters` can read only rejected rows besides";
            let help = format!("read `<node>{REJECTED}`, or leave `from` out");
            draft.blame(sink.name.span, message, Some(help));
            return None;
        }
        Some(output) => output,
        None if sink.from.is_empty() => Output {
            from: Vec::new(),
            schema: rejected_schema(),
            times: Times::default(),
        },
        None => return None,
    };
    let unread: Vec<From> = (0..)
        .zip(&draft.vertices)
        .filter(|(_, vertex)| {
            let node = draft.nodes.get(vertex.node);
            node.is_some_and(|node| node.on_reject != OnReject::Deliver)
        })
        .map(|(vertex, _)| From {
            vertex,
            side: Side::Rejected,
        })
        .collect();
    draft.note_rejected_readers(&unread);
    output.from.extend(unread);
    Some(output)
}

fn connector(draft: &mut Draft<'_>, node: &Sink, output: Output, place: &Place<'_>) {
    let number = draft.add_node(&node.name.value, node.on_error);
    let Some((_, make)) = find(&node.connector.name.value).and_then(|connector| connector.sink)
    else {
        let message = format!("`{}` cannot be written to", node.connector.name.value);
        draft.blame(node.connector.name.span, message, None);
        return;
    };
    let mode = mode(node);
    let format = node.format.as_ref().map(|format| format.value);
    let plain = match format {
        // It has its own way, see below.
        Some(ManifestFormat::Avro) => None,
        format => Some(to_format(format.unwrap_or(ManifestFormat::Json))),
    };
    let header = match plain.map(|plain| encoder(plain, &output.schema)) {
        Some(Ok(encoder)) if node.header.as_ref().is_none_or(|header| header.value) => {
            encoder.header()
        }
        // Only a mistake if the sink wants it encoded, see below.
        _ => Vec::new(),
    };
    let context = SinkContext {
        pipeline: draft.manifest.name.value.clone(),
        node: node.name.value.clone(),
        directory: place.directory.to_owned(),
        lanes: place.lanes,
        mode,
        format: format.unwrap_or(ManifestFormat::Json).name().to_owned(),
        header,
        checkpointed: draft.manifest.checkpoint.is_some(),
        group: draft
            .sources
            .iter()
            .find_map(|source| source.source.group()),
        clock: place.clock.clone(),
    };
    let made = make(node.connector.options.clone(), context);
    let sink = match made.and_then(|sink| sink.check(&output.schema).map(|()| sink)) {
        Ok(sink) => sink,
        Err(error) => {
            draft.blame(node.connector.name.span, error.to_string(), None);
            return;
        }
    };
    if let Some((message, help)) = conflict(draft, sink.as_ref()) {
        draft.blame(node.connector.name.span, message, Some(help.to_owned()));
        return;
    }
    let records = match sink.wants() {
        Wants::Records => sink.records(&output.schema).map(Some),
        Wants::Encoded | Wants::Rows => Ok(None),
    };
    let records = match records {
        Ok(records) => records,
        Err(error) => {
            draft.blame(node.connector.name.span, error.to_string(), None);
            return;
        }
    };
    let encode = match sink.wants() {
        Wants::Encoded | Wants::Records => {
            let columns = match encoded(&output.schema, records.as_ref()) {
                Ok(columns) => columns,
                Err(error) => {
                    draft.blame(node.name.span, error.to_string(), None);
                    return;
                }
            };
            let apart = sink.wants() == Wants::Records;
            let Some(encode) = encode(draft, node, plain, apart, &columns, place) else {
                return;
            };
            Some(encode)
        }
        Wants::Rows => {
            if let Some(format) = &node.format {
                let message = format!(
                    "`{}` takes no `format`: it shows columns",
                    node.connector.name.value
                );
                draft.blame(format.span, message, None);
            }
            None
        }
    };
    let work = Work::Sink(draft.sinks.len());
    let vertex = Vertex {
        mode,
        reads: vec![output.schema.clone()],
        ..Vertex::new(number, work, vec![output.from])
    };
    draft.sinks.push(PlanSink {
        node: number,
        connector: node.connector.name.value.clone(),
        sink,
        encode,
        records,
        prints: node.connector.name.value == azud_connector_console::CONNECTOR.name,
        schema: output.schema,
        component: None,
    });
    draft.add_vertex(vertex, node.mode_span());
    draft.add_rejected(&node.name.value, number);
}

/// What makes bytes of rows with these columns; `None` if something was blamed.
fn encode(
    draft: &mut Draft<'_>,
    node: &Sink,
    plain: Option<Format>,
    apart: bool,
    columns: &SchemaRef,
    place: &Place<'_>,
) -> Option<Encode> {
    let span = node
        .format
        .as_ref()
        .map_or(node.name.span, |format| format.span);
    match plain {
        Some(format) => match encoder(format, columns) {
            Ok(_) => Some(Encode::Plain(format)),
            Err(error) => {
                draft.blame(span, error.to_string(), None);
                None
            }
        },
        None if apart => avro::writing(draft, node, columns, place).map(Encode::Avro),
        None => {
            let message = format!("`{}` cannot be written as avro", node.connector.name.value);
            let help = "a record of avro may hold any bytes, line ends too: it is for systems that keep records apart, like kafka";
            draft.blame(span, message, Some(help.to_owned()));
            None
        }
    }
}

/// The columns that are encoded.
pub(crate) fn encoded(schema: &SchemaRef, records: Option<&RecordColumns>) -> Result<SchemaRef> {
    Ok(match records {
        Some(records) => Arc::new(schema.project(&records.encoded)?),
        None => schema.clone(),
    })
}

/// The mode that a sink asks for.
pub(super) fn mode(node: &Sink) -> Mode {
    match node.mode() {
        ManifestMode::Append => Mode::Append,
        ManifestMode::Update => Mode::Update,
        ManifestMode::Complete => Mode::Complete,
    }
}

/// Who else is where this sink writes.
fn conflict(draft: &Draft<'_>, sink: &dyn azud_connect::Sink) -> Option<(String, &'static str)> {
    let target = sink.target()?;
    let name = |node: usize| draft.nodes.get(node).map_or("", |node| &node.name);
    let other = draft
        .sinks
        .iter()
        .find(|other| other.sink.target().as_ref() == Some(&target));
    if let Some(other) = other {
        return Some((
            format!("the sink `{}` writes there already", name(other.node)),
            "give each sink a folder of its own, or one sink both nodes: `from: [a, b]`",
        ));
    }
    let reader = draft
        .sources
        .iter()
        .find(|source| source.source.watches().as_ref() == Some(&target))?;
    Some((
        format!(
            "the source `{}` reads there: it would read what this sink writes, for ever",
            name(reader.node)
        ),
        "write to another folder",
    ))
}
