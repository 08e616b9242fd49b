//! Random histories of a table: epochs of rows whose time goes on, with disorder, and restarts.

use azud_model::iso_timestamp;
use proptest::prelude::*;

/// Seconds of a row, its key and its number.
pub(crate) type Row = (i64, u8, i64);

#[derive(Clone, Debug)]
pub(crate) struct Epoch {
    /// Lanes and rows.
    pub(crate) rows: Vec<(usize, Row)>,
    /// How many lanes there are after a restart that follows.
    pub(crate) restart: Option<usize>,
}

/// Rows are about as late as windows are long.
pub(crate) fn epochs() -> impl Strategy<Value = Vec<Epoch>> {
    let row = (0..4_usize, (-25..5_i64, 0..3_u8, -9..9_i64));
    let restart = prop::option::weighted(0.25, 1..4_usize);
    let epoch = (prop::collection::vec(row, 0..8), restart, 0..20_i64);
    prop::collection::vec(epoch, 1..12).prop_map(|epochs| {
        let mut now = 100;
        let mut made = Vec::new();
        for (rows, restart, step) in epochs {
            now += step;
            let rows = rows.into_iter();
            let rows = rows.map(|(lane, (behind, key, x))| (lane, (now + behind, key, x)));
            made.push(Epoch {
                rows: rows.collect(),
                restart,
            });
        }
        made
    })
}

/// A time as rows have it.
pub(crate) fn time(seconds: i64) -> String {
    iso_timestamp(seconds * 1000).replace(".000", "")
}
