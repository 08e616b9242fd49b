//! `azud state show`: the rows of a node's state.

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use azud_connect::row_json;
use azud_state::StateRecord;

use super::names::named;
use super::place::{input, view};
use super::readable::{sayable, shown};
use crate::args::{StateOf, StateShow};
use crate::failure::Failure;
use crate::log;
use crate::output::{print, table};

pub(super) fn show(arguments: &StateShow) -> Result<(), Failure> {
    let most = arguments.rows;
    for (state, rows) in rows(&arguments.of)? {
        let shown = rows.slice(0, most.min(rows.num_rows()));
        let shown = named(&state, &shown).map_err(Failure::Pipeline)?;
        if arguments.json {
            let shown = sayable(&shown).map_err(|error| Failure::Pipeline(error.into()))?;
            let mut lines = String::new();
            for row in 0..shown.num_rows() {
                lines.push_str(&log::shown(&String::from_utf8_lossy(&row_json(
                    &shown, row,
                ))));
                lines.push('\n');
            }
            print(&lines)?;
            continue;
        }
        let mut text = format!("{}: {}\n\n", state.node, state.shape.computes);
        text.push_str(&drawn(&shown)?);
        if rows.num_rows() > most {
            let more = rows.num_rows() - most;
            text.push_str(&format!(
                "and {more} more: `--rows` shows more, `azud state export` all\n"
            ));
        }
        print(&text)?;
    }
    Ok(())
}

/// Every state of a node, merged to one row a key.
pub(super) fn rows(of: &StateOf) -> Result<Vec<(StateRecord, RecordBatch)>, Failure> {
    let (runtime, view) = view(&of.checkpoint)?;
    let record = runtime.block_on(view.record(of.epoch)).map_err(input)?;
    let states: Vec<&StateRecord> = record
        .states
        .iter()
        .filter(|state| state.node == of.node)
        .collect();
    if states.is_empty() {
        let known: Vec<&str> = record
            .states
            .iter()
            .map(|state| state.node.as_str())
            .collect();
        return Err(Failure::Input(match known.is_empty() {
            true => format!("node `{}` keeps no state: no node does", of.node),
            false => format!(
                "node `{}` keeps no state: there is that of {}",
                of.node,
                known.join(", ")
            ),
        }));
    }
    let mut found = Vec::new();
    for state in states {
        if let Some(rows) = runtime.block_on(view.rows(state)).map_err(input)? {
            found.push((state.clone(), rows));
        }
    }
    Ok(found)
}

fn drawn(rows: &RecordBatch) -> Result<String, Failure> {
    let failed = |error: arrow::error::ArrowError| Failure::Pipeline(error.into());
    let options = FormatOptions::default().with_null("NULL");
    let columns = rows.columns().iter().map(shown);
    let columns = columns.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let columns: Vec<ArrayFormatter<'_>> = columns
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    let schema = rows.schema();
    let heads: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let cells: Vec<Vec<String>> = (0..rows.num_rows())
        .map(|row| {
            let values = columns.iter();
            let cell =
                |column: &ArrayFormatter<'_>| azud_sandbox::escaped(&column.value(row).to_string());
            values.map(cell).collect()
        })
        .collect();
    Ok(table(&heads, &cells))
}
