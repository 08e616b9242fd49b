//! States in words: those of other words do not fit.

use azud_model::ColumnType;
use azud_sandbox::{KeyedState, StateKind};

/// What is kept by a key of these columns. For how long does not matter to what there is.
pub(super) fn computes(key: &[&str], states: &[KeyedState]) -> String {
    format!(
        "states of a plugin by {}: {}",
        key.join(", "),
        words(states).join("; ")
    )
}

/// `value total(sum bigint not null)`.
pub(crate) fn words(states: &[KeyedState]) -> Vec<String> {
    let words = states.iter().map(|state| {
        let columns = state.columns.fields().iter().map(|field| {
            let sql = ColumnType::from_arrow(field.data_type());
            let sql = sql.map_or_else(|| field.data_type().to_string(), |sql| sql.to_string());
            let null = if field.is_nullable() { "" } else { " not null" };
            format!("{} {sql}{null}", field.name())
        });
        let columns = columns.collect::<Vec<_>>().join(", ");
        match state.kind {
            StateKind::Value => format!("value {}({columns})", state.name),
            StateKind::List => format!("list {}({columns})", state.name),
            StateKind::Map { keys } => format!("map {}({columns}) by {keys}", state.name),
        }
    });
    words.collect()
}
