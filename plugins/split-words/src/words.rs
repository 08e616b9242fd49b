//! Where words begin and end.
//!
//! This is the hot path of counting words. Eight bytes are looked at at a time:
//! a mask has the top bit of every byte that separates.

const ONES: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = 0x80 * ONES;

/// What stands between words.
pub(crate) enum Separator {
    /// Any white space, as Unicode has it.
    WhiteSpace,
    /// One ASCII character.
    Byte(u8),
    /// A text.
    Text(String),
}

// === impl Separator ===

impl Separator {
    /// None where the text is empty.
    pub(crate) fn new(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [] => None,
            [byte] => Some(Self::Byte(*byte)),
            _ => Some(Self::Text(text.into())),
        }
    }

    /// Gives the words of a line in order. What is between two separators is a
    /// word unless it is empty. `ascii` says that the line is known to be ASCII.
    #[inline(always)]
    pub(crate) fn split(&self, line: &str, ascii: bool, word: impl FnMut(&str)) {
        match self {
            Self::WhiteSpace if ascii || is_ascii(line.as_bytes()) => {
                by_byte(line, white_space, word)
            }
            Self::WhiteSpace => line.split_whitespace().for_each(word),
            Self::Byte(separator) => by_byte(line, |bytes| equal(bytes, *separator), word),
            Self::Text(separator) => line
                .split(separator.as_str())
                .filter(|text| !text.is_empty())
                .for_each(word),
        }
    }
}

/// Splits where the mask of eight bytes has a bit. Only ASCII characters may be
/// separators, so words begin and end between characters.
#[inline(always)]
fn by_byte(line: &str, separators: impl Fn(u64) -> u64, mut word: impl FnMut(&str)) {
    let mut start = 0;
    let mut end_word = |at: usize| {
        if start < at {
            word(&line[start..at]);
        }
        start = at + 1;
    };
    let (chunks, rest) = line.as_bytes().as_chunks::<8>();
    let mut padded = [0; 8];
    padded[..rest.len()].copy_from_slice(rest);
    let last = separators(u64::from_le_bytes(padded)) & low_bytes(rest.len());
    for (number, chunk) in chunks.iter().enumerate() {
        each_byte(separators(u64::from_le_bytes(*chunk)), |at| {
            end_word(number * 8 + at)
        });
    }
    each_byte(last, |at| end_word(chunks.len() * 8 + at));
    end_word(line.len());
}

/// Calls with the number of each byte whose top bit is set, the first one first.
#[inline(always)]
fn each_byte(mut mask: u64, mut call: impl FnMut(usize)) {
    while mask != 0 {
        call(mask.trailing_zeros() as usize / 8);
        mask &= mask - 1;
    }
}

/// All bits of the first `count` bytes; fewer than eight.
fn low_bytes(count: usize) -> u64 {
    (1 << (count * 8)) - 1
}

/// Faster than the standard library's, which looks at four bytes at a time here.
pub(crate) fn is_ascii(bytes: &[u8]) -> bool {
    let (chunks, rest) = bytes.as_chunks::<32>();
    let seen = chunks.iter().fold(0, |seen, chunk| {
        let (words, _) = chunk.as_chunks::<8>();
        words
            .iter()
            .fold(seen, |seen, word| seen | u64::from_le_bytes(*word))
    });
    seen & TOPS == 0 && rest.is_ascii()
}

/// White space among ASCII characters, as `char::is_whitespace` has it.
fn white_space(bytes: u64) -> u64 {
    equal(bytes, b' ') | (at_least(bytes, b'\t') & !at_least(bytes, b'\r' + 1))
}

/// Bytes that are `byte`.
fn equal(bytes: u64, byte: u8) -> u64 {
    let difference = bytes ^ (ONES * u64::from(byte));
    // Adding never carries into the next byte: both sides are below 0x80.
    !(((difference & !TOPS) + !TOPS) | difference) & TOPS
}

/// Bytes that are `byte` or more, of bytes below 0x80.
fn at_least(bytes: u64, byte: u8) -> u64 {
    ((bytes & !TOPS) + ONES * u64::from(0x80 - byte)) & TOPS
}
