//! Files of one line of JSON, and a line with that line's checksum.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// The second line.
#[derive(Serialize, Deserialize)]
struct Seal {
    xxh3: String,
}

/// The bytes of a file with that line, which has no line end in it.
pub(crate) fn seal(line: Vec<u8>) -> Vec<u8> {
    let seal = format!("{{\"xxh3\":\"{:016x}\"}}\n", xxh3_64(&line));
    let mut bytes = line;
    bytes.push(b'\n');
    bytes.extend(seal.as_bytes());
    bytes
}

/// The first line of a file.
///
/// # Errors
/// Why it is not what was written: `it is cut off at byte 12`.
pub(crate) fn line(bytes: &[u8]) -> Result<&[u8], String> {
    let cut = || format!("it is cut off at byte {}", bytes.len());
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let end = end.ok_or_else(cut)?;
    let (line, rest) = bytes.split_at_checked(end).ok_or_else(cut)?;
    let seal: Seal = serde_json::from_slice(rest)
        .map_err(|error| format!("its checksum after byte {end} cannot be read: {error}"))?;
    let found = format!("{:016x}", xxh3_64(line));
    match found == seal.xxh3 {
        true => Ok(line),
        false => Err(format!(
            "its first {end} bytes have the checksum {found} instead of {}",
            seal.xxh3
        )),
    }
}
