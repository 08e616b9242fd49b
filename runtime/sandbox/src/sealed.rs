//! Bytes with a trailer - magic, length, digest - that tells them from any others:
//! half a file, a stray line of output, another kind of content.

use sha2::{Digest, Sha256};

/// What sealed bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Machine code, as wasmtime writes it.
    Code,
    /// Why there is none.
    Refusal,
}

/// Bytes of a trailer.
pub(crate) const TRAILER: usize = 16 + 8 + 32;

// === impl Kind ===

impl Kind {
    fn magic(self) -> &'static [u8; 16] {
        match self {
            Self::Code => b"azud code cache1",
            Self::Refusal => b"azud no code, as",
        }
    }

    /// What follows the bytes.
    pub(crate) fn trailer(self, bytes: &[u8]) -> Vec<u8> {
        let length = (bytes.len() as u64).to_le_bytes();
        [self.magic().as_slice(), &length, &Sha256::digest(bytes)].concat()
    }

    /// The bytes before the trailer, if they are what was sealed, whole.
    pub(crate) fn open(self, sealed: &[u8]) -> Option<&[u8]> {
        let length = sealed.len().checked_sub(TRAILER)?;
        let (bytes, trailer) = sealed.split_at_checked(length)?;
        // The magic first: a digest of what is something else would be for nothing.
        let is = trailer.starts_with(self.magic()) && trailer == self.trailer(bytes);
        is.then_some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sealed_is_opened() {
        let sealed = [b"code".as_slice(), &Kind::Code.trailer(b"code")].concat();
        assert_eq!(Kind::Code.open(&sealed), Some(b"code".as_slice()));
        assert_eq!(Kind::Refusal.open(&sealed), None);
        for stray in [
            &sealed[1..],
            &sealed[..sealed.len() - 1],
            &[b"\n".as_slice(), &sealed].concat(),
            &[&sealed, b"\n".as_slice()].concat(),
            b"",
        ] {
            assert_eq!(Kind::Code.open(stray), None);
        }
    }
}
