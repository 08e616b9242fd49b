//! Where words begin and end.
//!
//! This is the hot path of counting words. Eight bytes are looked at at a time:
//! a mask has the top bit of every byte that separates.

const ONES: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = 0x80 * ONES;

/// Gives the words of a line in order. What is between two separators is a word
/// unless it is empty.
///
/// Types, not an enum: each gets its own loop with everything inlined, as a call
/// a word would cost as much as the word.
pub(crate) trait Separator {
    /// `ascii` says that the line is known to be ASCII.
    fn split(&self, line: &str, ascii: bool, word: impl FnMut(&str));
}

/// Any white space, as Unicode has it.
pub(crate) struct WhiteSpace;

/// One ASCII character.
pub(crate) struct Byte(pub(crate) u8);

/// A text that is not empty.
pub(crate) struct Text(pub(crate) String);

impl Separator for WhiteSpace {
    #[inline(always)]
    fn split(&self, line: &str, ascii: bool, mut word: impl FnMut(&str)) {
        if ascii || is_ascii(line.as_bytes()) {
            by_byte(line, white_space, word);
        } else {
            by_character(line, &mut word);
        }
    }
}

impl Separator for Byte {
    #[inline(always)]
    fn split(&self, line: &str, _: bool, word: impl FnMut(&str)) {
        by_byte(line, |bytes| equal(bytes, self.0), word);
    }
}

impl Separator for Text {
    #[inline(always)]
    fn split(&self, line: &str, _: bool, word: impl FnMut(&str)) {
        line.split(self.0.as_str())
            .filter(|text| !text.is_empty())
            .for_each(word);
    }
}

#[inline(never)]
fn by_character(line: &str, word: &mut dyn FnMut(&str)) {
    line.split_whitespace().for_each(word);
}

/// Splits where the mask of eight bytes has a bit. Only ASCII characters may be
/// separators, so words begin and end between characters.
#[inline(always)]
fn by_byte(line: &str, separators: impl Fn(u64) -> u64, mut word: impl FnMut(&str)) {
    let (chunks, rest) = line.as_bytes().as_chunks::<8>();
    let mut padded = [0; 8];
    padded[..rest.len()].copy_from_slice(rest);
    // The end of the line separates as well: then one place ends all words.
    let end = 0x80 << (rest.len() * 8);
    let last = separators(u64::from_le_bytes(padded)) & (end - 1) | end;
    let mut start = 0;
    for number in 0..=chunks.len() {
        let mut mask = chunks
            .get(number)
            .map_or(last, |chunk| separators(u64::from_le_bytes(*chunk)));
        while mask != 0 {
            let at = number * 8 + mask.trailing_zeros() as usize / 8;
            if start < at {
                word(&line[start..at]);
            }
            start = at + 1;
            mask &= mask - 1;
        }
    }
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
