//! Which output modes a chain of queries allows: Spark's rules, in Spark's words.

use azud_model::Mode;

use crate::SqlError;

/// Whether rows that passed `aggregates` streaming aggregates, one after the
/// other, may leave in `mode`. Aggregates whose state is cleared at each epoch
/// (`state: batch`) count as well, as `per_batch`.
///
/// # Errors
/// Spark's reason, and what to write instead.
pub fn check_mode(mode: Mode, aggregates: usize, per_batch: bool) -> Result<(), SqlError> {
    match mode {
        Mode::Complete if aggregates == 0 => Err(SqlError::new(
            "Complete output mode not supported when there are no streaming aggregations on \
             streaming DataFrames/Datasets",
        )
        .help("write `mode: append`")),
        _ if per_batch => Ok(()),
        Mode::Append if aggregates > 0 => Err(SqlError::new(
            "Append output mode not supported when there are streaming aggregations on \
             streaming DataFrames/DataSets without watermark",
        )
        .help("write `mode: update` or `mode: complete` in the sink, or `state: batch` in the SQL node to count each batch alone")),
        Mode::Update | Mode::Complete if aggregates > 1 => Err(SqlError::new(
            "Multiple streaming aggregations are not supported with update or complete output \
             mode on streaming DataFrames/Datasets",
        )
        .help("write `state: batch` in the SQL nodes to count each batch alone")),
        Mode::Append | Mode::Update | Mode::Complete => Ok(()),
    }
}
