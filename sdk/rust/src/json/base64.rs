//! Base64 (RFC 4648, with padding).
//!
//! Twenty lines: a crate for them would be one more to fetch and to lock for every
//! plugin, transforms too.

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends bytes in base64.
pub(super) fn write(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len().div_ceil(3) * 4);
    let (threes, rest) = bytes.as_chunks::<3>();
    for three in threes {
        out.extend_from_slice(&digits(*three));
    }
    let mut last = [0; 3];
    last[..rest.len()].copy_from_slice(rest);
    let [first, second, third, _] = digits(last);
    match rest.len() {
        1 => out.extend_from_slice(&[first, second, b'=', b'=']),
        2 => out.extend_from_slice(&[first, second, third, b'=']),
        _ => {}
    }
}

/// The four digits of three bytes, six bits each.
fn digits([first, second, third]: [u8; 3]) -> [u8; 4] {
    let bits = u32::from_be_bytes([0, first, second, third]);
    [18, 12, 6, 0].map(|shift| DIGITS[(bits >> shift & 63) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_standard() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let mut out = Vec::new();
            write(bytes.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn every_digit() {
        let mut out = Vec::new();
        write(&[0x00, 0x10, 0x83, 0xff, 0xef, 0xbe], &mut out);
        assert_eq!(out, b"ABCD/+++");
    }
}
