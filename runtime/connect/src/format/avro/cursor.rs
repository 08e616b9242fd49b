//! The bytes of one record, read from the front; nothing is taken on trust.

/// Room that a record has for values that take no bytes, in bytes of columns: with a few bytes
/// more it could ask for billions of them.
const ROOM: usize = 256 * 1024;

/// And as much again for each byte that it does have.
const ROOM_A_BYTE: usize = 64;

/// What is left of a record.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    room: usize,
}

/// The record ends too early.
const ENDS: &str = "the record ends in the middle of a value";

// === impl Cursor ===

impl<'a> Cursor<'a> {
    pub(super) fn new(record: &'a [u8]) -> Self {
        Self {
            rest: record,
            room: record
                .len()
                .saturating_mul(ROOM_A_BYTE)
                .saturating_add(ROOM),
        }
    }

    /// How many bytes were not read yet.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Values of that weight follow that the record does not hold.
    #[inline]
    pub(super) fn spend(&mut self, weight: usize) -> Result<(), String> {
        match self.room.checked_sub(weight) {
            Some(room) => {
                self.room = room;
                Ok(())
            }
            None => Err("so few bytes claim to be so many values that they are refused".to_owned()),
        }
    }

    pub(super) fn byte(&mut self) -> Result<u8, String> {
        let (first, rest) = self.rest.split_first().ok_or(ENDS)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(super) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (first, rest) = self.rest.split_first_chunk::<N>().ok_or(ENDS)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (first, rest) = self.rest.split_at_checked(count).ok_or(ENDS)?;
        self.rest = rest;
        Ok(first)
    }

    /// A zigzag number of at most 64 bits.
    #[inline]
    pub(super) fn long(&mut self) -> Result<i64, String> {
        let mut value = 0u64;
        for (number, byte) in self.rest.iter().enumerate().take(10) {
            let shift = 7 * number;
            if number == 9 && *byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                self.rest = self.rest.get(number + 1..).unwrap_or_default();
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        match self.rest.len() < 10 && self.rest.iter().all(|byte| byte & 0x80 != 0) {
            true => Err(ENDS.to_owned()),
            false => Err("a number has more than 64 bits".to_owned()),
        }
    }

    /// A zigzag number of at most 32 bits.
    #[inline]
    pub(super) fn int(&mut self) -> Result<i32, String> {
        let value = self.long()?;
        i32::try_from(value).map_err(|_| format!("{value} is no int"))
    }

    /// Bytes behind their length.
    #[inline]
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], String> {
        let length = self.long()?;
        let count = usize::try_from(length).map_err(|_| format!("a length is {length}"))?;
        self.take(count)
    }

    /// How many items the next block of an array or map has, 0 at its end; with the size in
    /// bytes, where that is there to skip it.
    pub(super) fn block(&mut self) -> Result<(u64, Option<usize>), String> {
        let count = self.long()?;
        if count >= 0 {
            return Ok((count.unsigned_abs(), None));
        }
        let size = self.long()?;
        match usize::try_from(size) {
            Ok(size) if size <= self.left() => Ok((count.unsigned_abs(), Some(size))),
            Ok(_) => Err(ENDS.to_owned()),
            Err(_) => Err(format!("a block is of {size} bytes")),
        }
    }
}
