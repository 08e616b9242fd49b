//! What a plugin with state keeps of a key: its states and timers; what an aggregate keeps of a
//! group; and which states of earlier versions they convert.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use azud_model::Duration;
use azud_sandbox::inspect::{Keeps, KeepsOfGroup};
use azud_sandbox::{KeyedState, StateKind, escaped};
use serde_json::{Value, json};

use super::text::{sql, table};

/// For a person.
pub(super) fn text(text: &mut String, keeps: &Keeps) {
    *text += "\nit keeps of a key\n";
    rows(text, &keeps.states);
    let late = match keeps.event_timers {
        true => "of event time: rows behind the watermark are late",
        false => "none of event time: no row is late",
    };
    let _ = writeln!(
        text,
        "\nits timers\n  {late}\n  of processing time, if it sets any"
    );
    if keeps.pending_timers {
        *text += "  it is told which are pending\n";
    }
    for (number, former) in keeps.formers.iter().enumerate() {
        let _ = writeln!(
            text,
            "\nit converts what version {number} has kept of a key"
        );
        rows(text, former);
    }
}

/// The same of an aggregate.
pub(super) fn text_of_group(text: &mut String, keeps: &KeepsOfGroup) {
    *text += "\nit keeps of a group\n";
    columns_of_group(text, &keeps.state);
    for (number, former) in keeps.formers.iter().enumerate() {
        let _ = writeln!(
            text,
            "\nit converts what version {number} has kept of a group"
        );
        columns_of_group(text, former);
    }
}

fn columns_of_group(text: &mut String, state: &Schema) {
    let rows = state.fields().iter().map(|field| {
        let null = if field.is_nullable() {
            ""
        } else {
            "never null"
        };
        [
            escaped(field.name()),
            sql(field.data_type()),
            null.to_owned(),
        ]
    });
    table(text, &rows.collect::<Vec<_>>());
}

fn rows(text: &mut String, states: &[KeyedState]) {
    if states.is_empty() {
        *text += "  no state\n";
    }
    let rows = states.iter().map(|state| {
        let live = state.ttl.map(|ttl| format!(", for {}", length(ttl)));
        let columns = format!("{}{}", columns(state), live.unwrap_or_default());
        [escaped(&state.name), kind(state).to_owned(), columns]
    });
    table(text, &rows.collect::<Vec<_>>());
}

/// For a program.
pub(super) fn json(keeps: &Keeps) -> Value {
    let all = |states: &[KeyedState]| states.iter().map(of_state).collect::<Vec<_>>();
    json!({
        "states": all(&keeps.states),
        "formers": keeps.formers.iter().map(|former| all(former)).collect::<Vec<_>>(),
        "timers": { "event_time": keeps.event_timers, "processing_time": true },
        "told_pending_timers": keeps.pending_timers,
    })
}

/// The same of an aggregate.
pub(super) fn json_of_group(keeps: &KeepsOfGroup) -> Value {
    let columns = |state: &Schema| {
        let columns = state.fields().iter().map(|field| {
            json!({
                "name": field.name(),
                "type": sql(field.data_type()),
                "nullable": field.is_nullable(),
            })
        });
        columns.collect::<Vec<_>>()
    };
    json!({
        "state": columns(&keeps.state),
        "formers": keeps.formers.iter().map(|former| columns(former)).collect::<Vec<_>>(),
    })
}

fn of_state(state: &KeyedState) -> Value {
    let keys = match state.kind {
        StateKind::Map { keys } => keys,
        StateKind::Value | StateKind::List => 0,
    };
    let columns = state.columns.fields().iter().enumerate();
    let columns = columns.map(|(number, field)| {
        json!({
            "name": field.name(),
            "type": sql(field.data_type()),
            "nullable": field.is_nullable(),
            "key": number < keys,
        })
    });
    json!({
        "name": state.name,
        "kind": kind(state),
        "columns": columns.collect::<Vec<_>>(),
        "ttl_us": state.ttl,
    })
}

fn kind(state: &KeyedState) -> &'static str {
    match state.kind {
        StateKind::Value => "value",
        StateKind::List => "list",
        StateKind::Map { .. } => "map",
    }
}

/// `item string not null -> count bigint`: of a map, what an entry is found by comes first.
fn columns(state: &KeyedState) -> String {
    let all = |fields: &[Arc<Field>]| {
        let fields = fields.iter().map(|field| {
            let null = if field.is_nullable() { "" } else { " not null" };
            format!("{} {}{null}", escaped(field.name()), sql(field.data_type()))
        });
        fields.collect::<Vec<_>>().join(", ")
    };
    let fields = state.columns.fields();
    match state.kind {
        StateKind::Value | StateKind::List => all(fields),
        StateKind::Map { keys } => match fields.split_at_checked(keys) {
            Some((entry, [])) => all(entry),
            Some((entry, rest)) => format!("{} -> {}", all(entry), all(rest)),
            None => all(fields),
        },
    }
}

fn length(micros: u64) -> String {
    match micros.is_multiple_of(1_000) {
        true => Duration::from_millis(micros / 1_000).to_string(),
        false => format!("{micros}us"),
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Schema};

    use super::*;

    fn state(
        name: &str,
        kind: StateKind,
        columns: &[(&str, bool)],
        ttl: Option<u64>,
    ) -> KeyedState {
        let fields = columns.iter();
        let fields = fields.map(|(name, null)| Field::new(*name, DataType::Int64, *null));
        KeyedState {
            name: name.into(),
            kind,
            columns: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            ttl,
        }
    }

    fn keeps() -> Keeps {
        Keeps {
            states: vec![
                state(
                    "sum",
                    StateKind::Value,
                    &[("rows", false), ("sum", true)],
                    None,
                ),
                state(
                    "last",
                    StateKind::List,
                    &[("x\u{1b}[2J", false)],
                    Some(3_600_000_000),
                ),
                state(
                    "items",
                    StateKind::Map { keys: 1 },
                    &[("item", false), ("count", false)],
                    Some(7),
                ),
                state("all", StateKind::Map { keys: 1 }, &[("item", false)], None),
            ],
            formers: vec![
                vec![state("sum", StateKind::Value, &[("sum", false)], None)],
                Vec::new(),
            ],
            event_timers: true,
            pending_timers: true,
        }
    }

    #[test]
    fn states_and_timers_are_told() {
        let mut told = String::new();
        text(&mut told, &keeps());
        assert_eq!(
            told,
            "
it keeps of a key
  sum    value  rows bigint not null, sum bigint
  last   list   x\\u{1b}[2J bigint not null, for 1h
  items  map    item bigint not null -> count bigint not null, for 7us
  all    map    item bigint not null

its timers
  of event time: rows behind the watermark are late
  of processing time, if it sets any
  it is told which are pending

it converts what version 0 has kept of a key
  sum  value  sum bigint not null

it converts what version 1 has kept of a key
  no state
"
        );
    }

    #[test]
    fn none_are_told_as_none() {
        let mut told = String::new();
        let none = Keeps {
            states: Vec::new(),
            formers: Vec::new(),
            event_timers: false,
            pending_timers: false,
        };
        text(&mut told, &none);
        assert_eq!(
            told,
            "
it keeps of a key
  no state

its timers
  none of event time: no row is late
  of processing time, if it sets any
"
        );
    }

    #[test]
    fn programs_are_told_which_columns_are_the_entrys_key() {
        let told = json(&keeps());
        let expected = json!({
            "name": "items",
            "kind": "map",
            "columns": [
                { "name": "item", "type": "bigint", "nullable": false, "key": true },
                { "name": "count", "type": "bigint", "nullable": false, "key": false },
            ],
            "ttl_us": 7,
        });
        assert_eq!(told["states"][2], expected);
        assert_eq!(told["states"][0]["ttl_us"], Value::Null);
        assert_eq!(told["formers"][0][0]["columns"][0]["name"], "sum");
        assert_eq!(told["formers"][1], json!([]));
        assert_eq!(
            told["timers"],
            json!({ "event_time": true, "processing_time": true })
        );
        assert_eq!(told["told_pending_timers"], true);
    }

    fn of_group() -> KeepsOfGroup {
        let schema = |columns: &[(&str, DataType, bool)]| {
            let fields = columns.iter();
            let fields = fields.map(|(name, of, null)| Field::new(*name, of.clone(), *null));
            Arc::new(Schema::new(fields.collect::<Vec<_>>()))
        };
        KeepsOfGroup {
            state: schema(&[
                ("sum\u{1b}[2J", DataType::Int64, false),
                ("rows", DataType::Int64, true),
            ]),
            formers: vec![schema(&[("known", DataType::Utf8, true)])],
        }
    }

    #[test]
    fn states_of_groups_are_told() {
        let mut told = String::new();
        text_of_group(&mut told, &of_group());
        assert_eq!(
            told,
            "
it keeps of a group
  sum\\u{1b}[2J  bigint  never null
  rows          bigint

it converts what version 0 has kept of a group
  known  string
"
        );
        let told = json_of_group(&of_group());
        let expected = json!({
            "state": [
                { "name": "sum\u{1b}[2J", "type": "bigint", "nullable": false },
                { "name": "rows", "type": "bigint", "nullable": true },
            ],
            "formers": [[{ "name": "known", "type": "string", "nullable": true }]],
        });
        assert_eq!(told, expected);
    }
}
