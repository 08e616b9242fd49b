//! Sources: connector, format, columns.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use azud_connect::Source as Connection;
use azud_connect::{Connector, Format, FormatOptions, Replay, SourceContext, decoder};
use azud_manifest::{Durability, Format as ManifestFormat, OnError, OnFull, Source, Spanned};
use azud_model::{ByteSize, Clock, Column, ColumnType, TimestampUnit};
use azud_sql::Times;

use super::avro::{self, PlanLookup};
use super::node::{Draft, columns};
use super::{PlanJournal, PlanSource, PlanTable};
use crate::connectors::find;
use crate::event_time::{EventTime, PlanTime};
use crate::graph::{From, MakeOperator, Vertex, Work};
use crate::table::StaticTable;

/// Where and how connectors will run.
pub(super) struct Place<'a> {
    pub(super) directory: &'a Path,
    pub(super) lanes: usize,
    pub(super) finite: bool,
    /// Whether what sources read must be there.
    pub(super) looks: bool,
    pub(super) clock: &'a Arc<dyn Clock>,
}

pub(super) fn add(draft: &mut Draft<'_>, node: &Source, place: &Place<'_>) {
    let number = draft.add_node(&node.name.value, node.on_error);
    let Some((connector, make)) = find(&node.connector.name.value)
        .and_then(|connector| Some((connector, connector.source?.1)))
    else {
        let message = format!("`{}` cannot be read from", node.connector.name.value);
        draft.blame(node.connector.name.span, message, None);
        return;
    };
    let Some((format, lookup)) = format(draft, node, connector, place) else {
        return;
    };
    let context = SourceContext {
        pipeline: draft.manifest.name.value.clone(),
        node: node.name.value.clone(),
        directory: place.directory.to_owned(),
        lanes: place.lanes,
        // A table is what is there when it is read.
        finite: place.finite || node.is_static(),
        framing: format.framing(),
        metadata: format
            .keep
            .iter()
            .map(|column| column.name.clone())
            .collect(),
        clock: place.clock.clone(),
    };
    let source = match make(node.connector.options.clone(), context) {
        Ok(source) => source,
        Err(error) => {
            draft.blame(node.connector.name.span, error.to_string(), None);
            return;
        }
    };
    // What it would give is known all the same: the rest can be checked too.
    if place.looks
        && let Err(error) = source.check()
    {
        draft.blame(node.connector.name.span, error.to_string(), None);
    }
    let (schema, format) = match source.schema() {
        Some(schema) => (schema, None),
        None => match decoder(&format) {
            Ok(decoder) => (decoder.schema(), Some(format)),
            Err(error) => {
                draft.blame(node.name.span, error.to_string(), None);
                return;
            }
        },
    };
    if node.is_static() {
        add_table(draft, node, number, source, format, schema);
        return;
    }
    let journal = journal(draft, node, source.replay());
    let Ok(time) = time(draft, node, &schema) else {
        return;
    };
    let vertex = Vertex {
        output: time.is_none(),
        ..Vertex::new(number, Work::Source(draft.sources.len()), Vec::new())
    };
    draft.sources.push(PlanSource {
        node: number,
        connector: node.connector.name.value.clone(),
        source,
        format,
        schema: schema.clone(),
        lookup,
        journal,
        time: time.as_ref().map(|(plan, _)| plan.clone()),
    });
    let vertex = draft.add_vertex(vertex, node.name.span);
    let delay = time.as_ref().map_or(0, |(plan, _)| plan.delay);
    let vertex = match time {
        Some((plan, column)) => add_time(draft, node, &plan, column, vertex, place),
        None => vertex,
    };
    let columns = node.time.iter().map(|time| time.column.value.clone());
    let times = Times {
        columns: columns.collect(),
        delay,
    };
    draft.add_output(&node.name.value, number, vertex, schema, times);
}

/// A source that does not stream: nothing of it runs, but joins read it.
fn add_table(
    draft: &mut Draft<'_>,
    node: &Source,
    number: usize,
    source: Arc<dyn Connection>,
    format: Option<FormatOptions>,
    schema: SchemaRef,
) {
    if matches!(source.version(), Ok(None)) {
        let connector = &node.connector.name;
        let message = format!(
            "`{}` cannot be static: it cannot be read whole, again and again",
            connector.value
        );
        let help = "a table is read from a `file`".to_owned();
        draft.blame(connector.span, message, Some(help));
    }
    if let Some(node) = draft.nodes.get_mut(number) {
        node.schema = Some(schema.clone());
    }
    let drops = node.on_error == OnError::Drop;
    let rows = StaticTable::new(&node.name.value, source, format, drops);
    draft.tables.push(PlanTable {
        node: number,
        connector: node.connector.name.value.clone(),
        schema,
        rows: Arc::new(rows),
    });
}

/// The event time of a source, and the number of its column; `Err` if it was blamed.
fn time(
    draft: &mut Draft<'_>,
    node: &Source,
    schema: &SchemaRef,
) -> Result<Option<(PlanTime, usize)>, ()> {
    let Some(time) = &node.time else {
        return Ok(None);
    };
    let column = &time.column;
    let instant = ColumnType::Timestamp(TimestampUnit::default()).to_arrow();
    match schema.column_with_name(&column.value) {
        Some((index, field)) if *field.data_type() == instant => {
            let delay = time.delay.as_ref().map(|delay| micros(delay.value));
            let plan = PlanTime {
                column: column.value.clone(),
                delay: delay.unwrap_or(0),
                idle: time.idle.as_ref().map(|idle| idle.value.into()),
                reported: Arc::default(),
            };
            Ok(Some((plan, index)))
        }
        Some(_) => {
            let message = format!("event time is a timestamp, and `{}` is none", column.value);
            let help = format!("`{}` has {}", node.name.value, columns(schema));
            draft.blame(column.span, message, Some(help));
            Err(())
        }
        None => {
            let message = format!("`{}` has no column `{}`", node.name.value, column.value);
            let help = format!("it has {}", columns(schema));
            draft.blame(column.span, message, Some(help));
            Err(())
        }
    }
}

/// Looks at the event time of a source's rows, right where they are made.
fn add_time(
    draft: &mut Draft<'_>,
    node: &Source,
    plan: &PlanTime,
    column: usize,
    above: usize,
    place: &Place<'_>,
) -> usize {
    let number = draft.vertices.get(above).map_or(0, |above| above.node);
    let name: Arc<str> = node.name.value.as_str().into();
    let max_ahead = node.time.as_ref().and_then(|time| time.max_ahead.as_ref());
    let max_ahead = max_ahead.map(|max_ahead| micros(max_ahead.value));
    let (clock, reported) = (place.clock.clone(), plan.reported.clone());
    let make: MakeOperator = Arc::new(move |_| {
        Ok(Box::new(EventTime {
            source: name.clone(),
            column,
            max_ahead,
            clock: clock.clone(),
            latest: i64::MIN,
            lane: reported.lane(),
            reported: reported.clone(),
            has_warned: false,
        }))
    });
    let vertex = Vertex {
        output: true,
        ..Vertex::new(
            number,
            Work::Operator(make),
            vec![vec![From::output(above)]],
        )
    };
    draft.add_vertex(vertex, node.name.span)
}

fn micros(duration: azud_model::Duration) -> i64 {
    let duration = std::time::Duration::from(duration);
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// How large a journal may be, unless the manifest says otherwise.
const JOURNAL_BYTES: ByteSize = ByteSize::from_mib(1024);

/// The journal of a source that cannot be asked again, in a pipeline with a checkpoint.
fn journal(draft: &mut Draft<'_>, node: &Source, replay: Replay) -> Option<PlanJournal> {
    if replay == Replay::Positions {
        let spans = [
            node.durability.as_ref().map(|of| of.span),
            node.journal_size.as_ref().map(|of| of.span),
            node.on_full.as_ref().map(|of| of.span),
        ];
        for span in spans.into_iter().flatten() {
            let connector = &node.connector.name.value;
            let message = format!("`{connector}` can be asked again: it needs no journal");
            draft.blame(span, message, Some("leave it out".to_owned()));
        }
        return None;
    }
    let durability = node.durability.as_ref().map(|of| of.value);
    if draft.manifest.checkpoint.is_none() || durability == Some(Durability::Memory) {
        return None;
    }
    let bytes = node.journal_size.as_ref();
    Some(PlanJournal {
        bytes: bytes.map_or(JOURNAL_BYTES, |bytes| bytes.value),
        drop: node
            .on_full
            .as_ref()
            .is_some_and(|of| of.value == OnFull::Drop),
    })
}

/// What the format makes of the payload, and which columns of the system stay.
fn format(
    draft: &mut Draft<'_>,
    node: &Source,
    connector: &Connector,
    place: &Place<'_>,
) -> Option<(FormatOptions, Option<PlanLookup>)> {
    let keep: Option<Vec<Column>> = node
        .keep
        .iter()
        .map(|name| kept_column(draft, node, connector, name))
        .collect();
    let mut keep = keep?;
    if connector.typed
        && let Some(format) = &node.format
    {
        let message = format!(
            "`{}` makes typed columns itself, and takes no `format`",
            connector.name
        );
        draft.blame(format.span, message, None);
        return None;
    }
    let mut payload_at = 0;
    let raw = node.format.is_none()
        || node
            .format
            .as_ref()
            .is_some_and(|f| f.value == ManifestFormat::Raw);
    if raw && !connector.typed && keep.is_empty() {
        // A raw source has all the columns that its system has.
        let all = kept(connector).map(|(name, sql)| {
            let column_type = sql.parse().ok()?;
            Some(Column {
                name: (*name).to_owned(),
                column_type,
            })
        });
        keep = all.collect::<Option<_>>()?;
        let columns = connector.columns.iter();
        payload_at = columns
            .take_while(|(name, _)| *name != connector.payload)
            .count();
    }
    let (avro, lookup) = match node.format.as_ref().map(|format| format.value) {
        Some(ManifestFormat::Avro) => {
            let (avro, lookup) = avro::reading(draft, node, connector, place)?;
            (Some(avro), lookup)
        }
        _ => (None, None),
    };
    let options = FormatOptions {
        format: match node.format.as_ref().map(|format| format.value) {
            Some(format) => to_format(format),
            None => Format::Raw,
        },
        schema: node
            .columns
            .iter()
            .map(|column| column.value.clone())
            .collect(),
        header: node.header.as_ref().is_none_or(|header| header.value),
        keep,
        payload: connector.payload.to_owned(),
        payload_at,
        avro,
    };
    Some((options, lookup))
}

/// The columns that a source can give beside the payload.
fn kept(connector: &Connector) -> impl Iterator<Item = &(&'static str, &'static str)> {
    let columns = connector.columns.iter();
    columns.filter(|(name, _)| *name != connector.payload)
}

fn kept_column(
    draft: &mut Draft<'_>,
    node: &Source,
    connector: &Connector,
    name: &Spanned<String>,
) -> Option<Column> {
    let known = kept(connector).find(|(known, _)| *known == name.value);
    if let Some((known, sql)) = known
        && let Ok(column_type) = sql.parse()
    {
        return Some(Column {
            name: (*known).to_owned(),
            column_type,
        });
    }
    let known: Vec<_> = kept(connector).map(|(name, _)| *name).collect();
    let message = format!(
        "`{}` has no column `{}` to keep",
        node.connector.name.value, name.value
    );
    let help = match known.is_empty() {
        true => "it has none besides the payload".to_owned(),
        false => format!("it has {}", known.join(", ")),
    };
    draft.blame(name.span, message, Some(help));
    None
}

pub(crate) fn to_format(format: ManifestFormat) -> Format {
    match format {
        ManifestFormat::Text => Format::Text,
        ManifestFormat::Json => Format::Json,
        ManifestFormat::Csv => Format::Csv,
        ManifestFormat::Raw => Format::Raw,
        ManifestFormat::Avro => Format::Avro,
    }
}
