//! `azud state ls`: the epochs that are kept, and the states of the newest.

use azud_model::iso_timestamp;
use azud_state::{Record, SourceRecord, StateRecord};

use super::place::{input, view};
use crate::args::StateLs;
use crate::failure::Failure;
use crate::output::{print_json, print_text, table};

pub(super) fn ls(arguments: &StateLs) -> Result<(), Failure> {
    let (runtime, view) = view(&arguments.checkpoint)?;
    if arguments.json {
        let records = runtime.block_on(view.whole_records());
        return print_json(&records.map_err(input)?);
    }
    let records = runtime.block_on(view.records()).map_err(input)?;
    let epochs: Vec<Vec<String>> = records.iter().map(epoch).collect();
    let mut text = table(
        &["epoch", "time", "records", "partitions", "state"],
        &epochs,
    );
    if let Some(last) = records.last() {
        let states: Vec<Vec<String>> = last.states.iter().map(state).collect();
        if !states.is_empty() {
            text.push('\n');
            let heads = ["node", "keeps", "rows at most", "files", "bytes"];
            text.push_str(&table(&heads, &states));
        }
    }
    print_text(&text)
}

fn epoch(record: &Record) -> Vec<String> {
    let files = record.states.iter().flat_map(|state| &state.files);
    let bytes = files.map(|file| file.bytes);
    let positions = record.sources.iter().map(SourceRecord::count);
    vec![
        record.epoch.to_string(),
        iso_timestamp(record.time_ms),
        record.input_rows.to_string(),
        positions.sum::<u64>().to_string(),
        bytes.sum::<u64>().to_string(),
    ]
}

/// Files overlap: only merging them tells how many keys there are.
fn state(state: &StateRecord) -> Vec<String> {
    let rows: u64 = state.files.iter().map(|file| file.rows).sum();
    let bytes: u64 = state.files.iter().map(|file| file.bytes).sum();
    vec![
        state.node.clone(),
        state.shape.computes.clone(),
        rows.to_string(),
        state.files.len().to_string(),
        bytes.to_string(),
    ]
}
