//! Which columns a plugin wants: asked by opening it, again and again.
//!
//! A plugin written with the SDK for Rust says which column it misses, and of which
//! type one must be. Others are shown in their own words.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

use crate::{
    Aggregate, CancellationToken, Grants, GuestError, Keyed, KeyedState, Limits, OpenError, Plugin,
    Silent, Sink, Transform, World,
};

/// How often a plugin is opened to find out what it wants.
const TRIES: usize = 50;

/// What `open` said to a schema.
#[derive(Debug)]
pub struct Asked {
    /// The columns that it was opened with.
    pub input: Vec<InputColumn>,
    /// The columns that it answers with, none of a sink, of an aggregate its result's; or why it cannot be opened
    /// on these.
    pub output: Result<Vec<OutputColumn>, OpenError>,
    /// What a plugin with state keeps; none of others, and of one that cannot be opened on these.
    pub keeps: Option<Keeps>,
    /// The same of an aggregate.
    pub keeps_of_group: Option<KeepsOfGroup>,
}

/// What an aggregate keeps of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct KeepsOfGroup {
    /// The columns of its state.
    pub state: SchemaRef,
    /// Those of earlier versions, which it converts.
    pub formers: Vec<SchemaRef>,
}

/// What a plugin with state keeps of a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Keeps {
    /// Its states.
    pub states: Vec<KeyedState>,
    /// Those of earlier versions, which it converts.
    pub formers: Vec<Vec<KeyedState>>,
    /// Whether it sets timers of event time. Those of processing time any may set.
    pub event_timers: bool,
    /// Whether it is told which timers are pending.
    pub pending_timers: bool,
}

/// A column of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputColumn {
    /// Its name.
    pub name: String,
    /// Its type; none where the plugin takes any.
    pub data_type: Option<DataType>,
    /// Whether it enters the plugin.
    pub read: bool,
}

/// A column of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputColumn {
    /// Name, type, and whether it may be null.
    pub field: Field,
    /// The number of the input's column that it is; none where it is computed.
    pub carried: Option<usize>,
}

/// What a plugin misses.
#[derive(Debug, PartialEq, Eq)]
enum Missing {
    Column(String),
    Type(String, DataType),
}

/// A plugin that was opened.
enum Opened {
    Transform(Transform),
    Keyed(Keyed),
    Aggregate(Aggregate),
    /// It has nothing to answer.
    Sink,
}

/// Opens a plugin on a schema; without one, finds the columns that it wants.
pub fn ask(plugin: &Plugin, config: &str, schema: Option<&Schema>) -> Asked {
    match schema {
        Some(schema) => answer(open(plugin, config, schema.fields()), schema.fields()),
        None => find(plugin, config),
    }
}

fn find(plugin: &Plugin, config: &str) -> Asked {
    let mut fields = Vec::new();
    let mut outcome = open(plugin, config, &Fields::empty());
    for _ in 1..TRIES {
        let Err(OpenError::Guest(GuestError::Refused(words))) = &outcome else {
            break;
        };
        let Some(next) = next(&fields, words) else {
            break;
        };
        fields = next;
        outcome = open(plugin, config, &Fields::from(fields.clone()));
    }
    let any: Vec<bool> = fields.iter().map(is_riddle).collect();
    if outcome.is_ok() && any.contains(&true) {
        // Any type will do: shows one that people know.
        let known = fields.iter().map(|field| match is_riddle(field) {
            true => field.clone().with_data_type(DataType::Utf8),
            false => field.clone(),
        });
        let known: Vec<Field> = known.collect();
        if let Ok(opened) = open(plugin, config, &Fields::from(known.clone())) {
            (fields, outcome) = (known, Ok(opened));
        }
    }
    let mut asked = answer(outcome, &Fields::from(fields));
    for (column, any) in asked.input.iter_mut().zip(any) {
        column.data_type = column.data_type.take().filter(|_| !any);
    }
    asked
}

/// As what computes; else as a sink without a grant.
fn open(plugin: &Plugin, config: &str, fields: &Fields) -> Result<Opened, OpenError> {
    let (schema, limits) = (Schema::new(fields.clone()), Limits::default());
    if plugin.is(World::Transform) {
        let opened = Transform::open(plugin, config, &schema, limits, Arc::new(Silent));
        return opened.map(Opened::Transform);
    }
    if plugin.is(World::Keyed) {
        // Which of them are the key is the manifest's choice: any may be here.
        let key: Vec<usize> = (0..fields.len()).collect();
        let opened = Keyed::open(plugin, config, &schema, &key, limits, Arc::new(Silent));
        return opened.map(Opened::Keyed);
    }
    if plugin.is(World::Aggregate) {
        let opened = Aggregate::open(plugin, config, &schema, limits, Arc::new(Silent));
        return opened.map(Opened::Aggregate);
    }
    let (grants, cancel) = (Arc::new(Grants::default()), CancellationToken::new());
    Sink::open(
        plugin,
        config,
        &schema,
        limits,
        grants,
        Arc::new(Silent),
        cancel,
    )
    .map(|_| Opened::Sink)
}

fn answer(outcome: Result<Opened, OpenError>, fields: &Fields) -> Asked {
    let reads = |column: usize| match &outcome {
        Ok(Opened::Transform(transform)) => transform.reads().contains(&column),
        Ok(Opened::Keyed(_) | Opened::Aggregate(_) | Opened::Sink) => true,
        Err(_) => false,
    };
    let input = fields
        .iter()
        .enumerate()
        .map(|(number, field)| InputColumn {
            name: field.name().clone(),
            data_type: Some(field.data_type().clone()),
            read: reads(number),
        });
    let input = input.collect();
    let keeps = match &outcome {
        Ok(Opened::Keyed(keyed)) => Some(Keeps {
            states: keyed.states().to_vec(),
            formers: keyed.formers().to_vec(),
            event_timers: keyed.has_event_timers(),
            pending_timers: keyed.wants_pending_timers(),
        }),
        _ => None,
    };
    let keeps_of_group = match &outcome {
        Ok(Opened::Aggregate(aggregate)) => Some(KeepsOfGroup {
            state: aggregate.state_schema().clone(),
            formers: aggregate.formers().to_vec(),
        }),
        _ => None,
    };
    let column = |(field, carried): (&Arc<Field>, Option<usize>)| OutputColumn {
        field: field.as_ref().clone(),
        carried,
    };
    let output = outcome.map(|opened| match opened {
        Opened::Transform(transform) => {
            let fields = transform.output_schema().fields().iter();
            fields.zip(transform.carried()).map(column).collect()
        }
        Opened::Keyed(keyed) => {
            let fields = keyed.output_schema().fields().iter();
            fields.map(|field| column((field, None))).collect()
        }
        Opened::Aggregate(aggregate) => {
            let fields = aggregate.output().iter();
            fields.map(|field| column((field, None))).collect()
        }
        Opened::Sink => Vec::new(),
    });
    Asked {
        input,
        output,
        keeps,
        keeps_of_group,
    }
}

/// The columns to try after these were refused; none where nothing is left to try.
fn next(fields: &[Field], words: &str) -> Option<Vec<Field>> {
    let mut fields = fields.to_vec();
    match missing(words) {
        Some(Missing::Column(name)) if fields.iter().all(|field| *field.name() != name) => {
            fields.push(Field::new(name, riddle(), true));
        }
        Some(Missing::Type(name, data_type)) => {
            let field = fields.iter_mut().find(|field| *field.name() == name)?;
            if *field.data_type() == data_type {
                return None;
            }
            field.set_data_type(data_type);
        }
        // It has looked at the last column itself: some type may please it.
        _ => {
            let last = fields.last_mut()?;
            last.set_data_type(match last.data_type() {
                DataType::Struct(_) => DataType::Int64,
                DataType::Int64 => DataType::Utf8,
                DataType::Utf8 => DataType::Float64,
                DataType::Float64 => DataType::Boolean,
                _ => return None,
            });
        }
    }
    Some(fields)
}

/// A type that nobody reads: whoever wants a certain one says which.
fn riddle() -> DataType {
    DataType::Struct(Fields::from(vec![Field::new(
        "any",
        DataType::Boolean,
        true,
    )]))
}

fn is_riddle(field: &Field) -> bool {
    *field.data_type() == riddle()
}

/// What the SDK says where a column or an argument is missing, or of another type (its
/// `input.rs` and `signature.rs`).
fn missing(words: &str) -> Option<Missing> {
    if let Some(rest) = words.strip_prefix("there is no argument ") {
        let (number, _) = rest.split_once(": it is called with ")?;
        return Some(Missing::Column(format!("arg{number}")));
    }
    if let Some(rest) = words.strip_prefix("argument ") {
        let (number, rest) = rest.split_once(" is ")?;
        let (_, rest) = rest.split_once(", not ")?;
        let (wanted, _) = rest.split_once(": cast it in SQL")?;
        return Some(Missing::Type(format!("arg{number}"), named(wanted)?));
    }
    if let Some(rest) = words.strip_prefix("the input has no column `") {
        return rest
            .split_once("`; it has ")
            .map(|(name, _)| Missing::Column(name.to_owned()));
    }
    let rest = words.strip_prefix("column `")?;
    let (name, rest) = rest.split_once("` is ")?;
    let (_, rest) = rest.split_once(", not ")?;
    let (wanted, _) = rest.split_once(": cast it in SQL")?;
    Some(Missing::Type(name.to_owned(), named(wanted)?))
}

/// The type of a name of the SDK's.
fn named(name: &str) -> Option<DataType> {
    Some(match name {
        "boolean" => DataType::Boolean,
        "int8" => DataType::Int8,
        "int16" => DataType::Int16,
        "int" => DataType::Int32,
        "bigint" => DataType::Int64,
        "uint8" => DataType::UInt8,
        "uint16" => DataType::UInt16,
        "uint32" => DataType::UInt32,
        "uint64" => DataType::UInt64,
        "float" => DataType::Float32,
        "double" => DataType::Float64,
        "string" => DataType::Utf8,
        "binary" => DataType::Binary,
        "date" => DataType::Date32,
        "time" => DataType::Time64(TimeUnit::Microsecond),
        "duration" => DataType::Duration(TimeUnit::Millisecond),
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        "decimal" => DataType::Decimal128(38, 18),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sdks_words_are_understood() {
        for (words, expected) in [
            (
                "the input has no column `n`; it has ",
                Some(Missing::Column("n".into())),
            ),
            (
                "the input has no column `a b`; it has `x`, `y`",
                Some(Missing::Column("a b".into())),
            ),
            (
                "column `n` is struct, not bigint: cast it in SQL before this step",
                Some(Missing::Type("n".into(), DataType::Int64)),
            ),
            (
                "there is no argument 2: it is called with 1",
                Some(Missing::Column("arg2".into())),
            ),
            (
                "argument 2 is struct, not string: cast it in SQL",
                Some(Missing::Type("arg2".into(), DataType::Utf8)),
            ),
            ("column `n` is struct, not strange: cast it in SQL", None),
            ("config: missing field `column`", None),
        ] {
            assert_eq!(missing(words), expected, "{words}");
        }
    }

    #[test]
    fn what_is_refused_in_other_words_is_tried_with_a_few_types() {
        let mut fields = next(&[], "the input has no column `n`; it has ").unwrap();
        assert_eq!(fields, [Field::new("n", riddle(), true)]);
        let mut tried = Vec::new();
        while let Some(more) = next(&fields, "no") {
            fields = more;
            tried.push(fields[0].data_type().clone());
        }
        let expected = [
            DataType::Int64,
            DataType::Utf8,
            DataType::Float64,
            DataType::Boolean,
        ];
        assert_eq!(tried, expected);
        assert_eq!(next(&[], "no"), None);
    }

    #[test]
    fn a_plugin_that_contradicts_itself_is_not_asked_for_ever() {
        let fields = [Field::new("n", DataType::Int64, true)];
        let again = "column `n` is bigint, not bigint: cast it in SQL";
        assert_eq!(next(&fields, again), None);
        let other = "column `m` is bigint, not bigint: cast it in SQL";
        assert_eq!(next(&fields, other), None);
    }
}
