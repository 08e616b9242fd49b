//! Which group each row is of.

use crate::{Error, Result};

/// The group of each row, in the rows' order.
#[derive(Clone, Copy)]
pub struct Members<'a>(&'a [[u8; 4]]);

// === impl Members ===

impl<'a> Members<'a> {
    /// Checked, so that a number is always that of a group.
    pub(crate) fn new(bytes: &'a [u8], rows: usize, groups: usize) -> Result<Self> {
        let (numbers, rest) = bytes.as_chunks();
        let highest = numbers
            .iter()
            .map(|number| u32::from_le_bytes(*number))
            .max();
        if numbers.len() != rows
            || !rest.is_empty()
            || highest.is_some_and(|highest| highest as usize >= groups)
        {
            return Err(Error::new("a row has no group"));
        }
        Ok(Self(numbers))
    }

    /// The number of each row's group.
    #[inline(always)]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = usize> + use<'a> {
        let numbers = self.0.iter();
        numbers.map(|number| u32::from_le_bytes(*number) as usize)
    }
}

impl<'a> IntoIterator for Members<'a> {
    type Item = usize;
    type IntoIter = std::iter::Map<std::slice::Iter<'a, [u8; 4]>, fn(&[u8; 4]) -> usize>;

    fn into_iter(self) -> Self::IntoIter {
        self.0
            .iter()
            .map(|number| u32::from_le_bytes(*number) as usize)
    }
}
