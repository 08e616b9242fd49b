//! `azud state export`: all rows of a node's state, as a file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use arrow::array::RecordBatch;
use azud_connect::{Format, encoder};
use azud_state::StateRecord;
use parquet::arrow::ArrowWriter;

use super::names::named;
use super::readable::{flat, sayable};
use super::rows::rows;
use crate::args::StateExport;
use crate::failure::Failure;
use crate::output::print;

/// Rows that are encoded at once.
const PIECE: usize = 8192;

pub(super) fn export(arguments: &StateExport) -> Result<(), Failure> {
    let path = &arguments.to;
    let extension = path.extension().and_then(|extension| extension.to_str());
    let write = match extension {
        Some("json") => json,
        Some("csv") => csv,
        // For programs: names of rows stay bytes.
        Some("parquet") => |path: &Path, _: &StateRecord, rows: &RecordBatch| parquet(path, rows),
        _ => {
            return Err(Failure::Input(format!(
                "`{}` must end with .json, .csv or .parquet: the name says the format",
                path.display()
            )));
        }
    };
    let states = rows(&arguments.of)?;
    let [(state, rows)] = states.as_slice() else {
        return Err(Failure::Input(format!(
            "node `{}` has {} states, and a file holds one: read the files that `azud state ls \
             --json` names",
            arguments.of.node,
            states.len()
        )));
    };
    write(path, state, rows)
        .map_err(|why| Failure::Input(format!("cannot write {}: {why}", path.display())))?;
    let (rows, node) = (rows.num_rows(), &state.node);
    print(&format!("{rows} rows of `{node}` in {}\n", path.display()))
}

fn json(path: &Path, state: &StateRecord, rows: &RecordBatch) -> Result<(), String> {
    encoded(path, &readable(state, rows)?, Format::Json, |rows| {
        Ok(rows.clone())
    })
}

fn csv(path: &Path, state: &StateRecord, rows: &RecordBatch) -> Result<(), String> {
    encoded(path, &readable(state, rows)?, Format::Csv, flat)
}

fn readable(state: &StateRecord, rows: &RecordBatch) -> Result<RecordBatch, String> {
    let rows = named(state, rows).map_err(|error| error.to_string())?;
    sayable(&rows).map_err(|error| error.to_string())
}

/// Rows as a format has them, each piece after it was `made` so that the format can have it.
fn encoded(
    path: &Path,
    rows: &RecordBatch,
    format: Format,
    made: impl Fn(&RecordBatch) -> Result<RecordBatch, String>,
) -> Result<(), String> {
    let failed = |error: azud_model::Error| error.to_string();
    let schema = made(&rows.slice(0, 0))?.schema();
    let mut encoder = encoder(format, &schema).map_err(failed)?;
    let mut file = create(path)?;
    let mut bytes = encoder.header();
    for from in (0..rows.num_rows()).step_by(PIECE) {
        let piece = rows.slice(from, PIECE.min(rows.num_rows() - from));
        encoder.encode(&made(&piece)?, &mut bytes).map_err(failed)?;
        file.write_all(&bytes).map_err(|error| error.to_string())?;
        bytes.clear();
    }
    file.write_all(&bytes).map_err(|error| error.to_string())?;
    file.flush().map_err(|error| error.to_string())
}

fn parquet(path: &Path, rows: &RecordBatch) -> Result<(), String> {
    let failed = |error: parquet::errors::ParquetError| error.to_string();
    let mut writer = ArrowWriter::try_new(create(path)?, rows.schema(), None).map_err(failed)?;
    writer.write(rows).map_err(failed)?;
    writer.close().map_err(failed)?;
    Ok(())
}

fn create(path: &Path) -> Result<BufWriter<File>, String> {
    let file = File::create(path).map_err(|error| error.to_string())?;
    Ok(BufWriter::new(file))
}
