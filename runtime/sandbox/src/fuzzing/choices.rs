//! Bytes as choices: what a fuzzer changes is what comes out.

/// Decisions, taken from bytes. When they are all made, the rest are zeros.
pub struct Choices<'a> {
    bytes: &'a [u8],
}

// === impl Choices ===

impl<'a> Choices<'a> {
    /// As many decisions as there are bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Whether none is left.
    pub fn are_made(&self) -> bool {
        self.bytes.is_empty()
    }

    /// A number below `limit`, 0 where nothing is.
    pub fn below(&mut self, limit: usize) -> usize {
        let mut number = usize::from(self.byte());
        if limit > 256 {
            number |= usize::from(self.byte()) << 8;
        }
        number % limit.max(1)
    }

    /// Yes or no.
    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// One of these, the first most often.
    pub fn one_of<T: Copy, const N: usize>(&mut self, all: [T; N]) -> T {
        let at = self.below(N * 2);
        let of = all.get(at).or(all.first());
        of.copied()
            .unwrap_or_else(|| panic!("there is nothing to choose from"))
    }

    /// So many bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let (taken, rest) = self.bytes.split_at(length.min(self.bytes.len()));
        self.bytes = rest;
        let mut bytes = taken.to_vec();
        bytes.resize(length, 0);
        bytes
    }

    fn byte(&mut self) -> u8 {
        let (first, rest) = self.bytes.split_first().unwrap_or((&0, &[]));
        self.bytes = rest;
        *first
    }
}
