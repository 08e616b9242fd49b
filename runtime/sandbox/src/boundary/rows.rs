//! Which input row each output row comes from, and which were rejected.

use arrow::{
    array::UInt32Array,
    buffer::{Buffer, MutableBuffer},
    util::bit_util,
};

use super::buffers;
use crate::{GuestError, Rejected, Rows, bindings::azud::plugin::types, limits::Limits, log};

/// The origins of an answer's rows, checked.
pub(crate) struct Origins {
    pub(crate) rows: Rows,
    /// Whether the indices ascend, so that no row occurs twice.
    pub(crate) ascending: bool,
}

/// Checks `rows` against the number of rows in and out.
pub(crate) fn rows(
    bytes: Vec<u8>,
    output: usize,
    input: usize,
    carries: bool,
) -> Result<Origins, GuestError> {
    if bytes.is_empty() && output > 0 {
        let rows = match output == input {
            true => Rows::Identity,
            false if carries => {
                return Err(GuestError::invalid(format!(
                    "{output} rows for an input of {input}, and `rows` does not say which rows they come from"
                )));
            }
            false => Rows::Unrelated,
        };
        return Ok(Origins {
            rows,
            ascending: true,
        });
    }
    if output.checked_mul(4) != Some(bytes.len()) {
        return Err(GuestError::invalid(format!(
            "`rows` has {} bytes for {output} rows, not {}",
            bytes.len(),
            output.saturating_mul(4)
        )));
    }
    let indices = buffers::aligned::<u32>(Buffer::from_vec(bytes), output);
    let highest = indices.iter().fold(0, |highest, row| highest.max(*row));
    if output > 0 && highest as usize >= input {
        return Err(GuestError::invalid(format!(
            "`rows` names row {highest} of an input of {input} rows"
        )));
    }
    let pairs = indices.iter().zip(indices.iter().skip(1));
    let ascending = pairs.fold(true, |ascending, (row, next)| ascending & (row < next));
    if ascending && output == input {
        return Ok(Origins {
            rows: Rows::Identity,
            ascending,
        });
    }
    Ok(Origins {
        rows: Rows::Indices(UInt32Array::new(indices, None)),
        ascending,
    })
}

/// Checks the rejected rows: each exists, once, and is not in the output.
pub(crate) fn rejected(
    wire: Vec<types::Rejected>,
    origins: &Origins,
    input: usize,
    limits: &Limits,
) -> Result<Vec<Rejected>, GuestError> {
    if wire.is_empty() {
        return Ok(Vec::new());
    }
    let mut seen = MutableBuffer::from_len_zeroed(input.div_ceil(8));
    let seen = seen.as_slice_mut();
    let mut rejected = Vec::with_capacity(wire.len().min(input));
    for entry in wire {
        let row = entry.row as usize;
        if row >= input {
            return Err(GuestError::invalid(format!(
                "row {row} of an input of {input} rows is rejected"
            )));
        }
        if bit_util::get_bit(seen, row) {
            return Err(GuestError::invalid(format!("row {row} is rejected twice")));
        }
        bit_util::set_bit(seen, row);
        rejected.push(Rejected {
            row: entry.row,
            reason: log::clean(&entry.reason, limits.reason),
        });
    }
    let both = match &origins.rows {
        Rows::Identity => rejected.first().map(|rejected| rejected.row),
        Rows::Indices(rows) => rows
            .values()
            .iter()
            .copied()
            .find(|row| bit_util::get_bit(seen, *row as usize)),
        Rows::Unrelated => None,
    };
    match both {
        Some(row) => Err(GuestError::invalid(format!(
            "row {row} is both in the output and rejected"
        ))),
        None => Ok(rejected),
    }
}
