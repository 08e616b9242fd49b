//! `repr` of bytes: PySpark gives binary columns as `bytearray`.

use std::fmt::Write as _;

/// Appends `bytearray(b'...')`.
pub(super) fn bytes(value: &[u8], out: &mut String) {
    let mark = if value.contains(&b'\'') && !value.contains(&b'"') {
        '"'
    } else {
        '\''
    };
    out.push_str("bytearray(b");
    out.push(mark);
    for byte in value {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            byte if char::from(*byte) == mark => {
                out.push('\\');
                out.push(mark);
            }
            b' '..=b'~' => out.push(char::from(*byte)),
            // Writing to a string cannot fail.
            byte => drop(write!(out, "\\x{byte:02x}")),
        }
    }
    out.push(mark);
    out.push(')');
}
