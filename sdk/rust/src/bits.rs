//! Bitmaps: bit i, least significant first, belongs to row i.

/// Whether bit `row` is set; past the end it is not.
#[inline(always)]
pub(crate) fn get(bits: &[u8], row: usize) -> bool {
    bits.get(row / 8)
        .is_some_and(|byte| byte >> (row % 8) & 1 == 1)
}

/// Appends bit number `row`; bits are pushed in order.
#[inline(always)]
pub(crate) fn push(bits: &mut Vec<u8>, row: usize, set: bool) {
    if row.is_multiple_of(8) {
        bits.push(0);
    }
    if let Some(last) = bits.last_mut() {
        *last |= u8::from(set) << (row % 8);
    }
}

/// `rows` bits, all set.
pub(crate) fn ones(rows: usize) -> Vec<u8> {
    let mut bits = vec![0xff; rows.div_ceil(8)];
    if let Some(last) = bits.last_mut()
        && !rows.is_multiple_of(8)
    {
        *last = (1 << (rows % 8)) - 1;
    }
    bits
}

/// Cuts to `rows` bits; the bits above are cleared.
pub(crate) fn truncate(bits: &mut Vec<u8>, rows: usize) {
    bits.truncate(rows.div_ceil(8));
    if let Some(last) = bits.last_mut()
        && !rows.is_multiple_of(8)
    {
        *last &= (1 << (rows % 8)) - 1;
    }
}
