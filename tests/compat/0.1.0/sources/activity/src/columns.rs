//! Columns of the contract, read and written by hand.

use crate::exports::azud::plugin::keyed::{Batch, Field, Owned, Timers};

pub fn field(name: &str, format: &str) -> Field {
    Field {
        name: name.into(),
        format: format.into(),
        nullable: false,
        children: 0,
    }
}

/// Little-endian numbers of four bytes.
pub fn groups(bytes: &[u8]) -> Vec<usize> {
    let numbers = bytes.as_chunks().0.iter();
    numbers
        .map(|bytes| u32::from_le_bytes(*bytes) as usize)
        .collect()
}

pub fn longs(bytes: &[u8]) -> Vec<i64> {
    let numbers = bytes.as_chunks().0.iter();
    numbers.map(|bytes| i64::from_le_bytes(*bytes)).collect()
}

fn is_valid(validity: &[u8], row: usize) -> bool {
    validity.is_empty() || validity[row / 8] >> (row % 8) & 1 == 1
}

/// The values of a column of eight bytes each, the buffers of which are from `first` on.
pub fn numbers(batch: &Batch, first: usize) -> Vec<Option<i64>> {
    let values = longs(&batch.buffers[first + 1]);
    let values = values.into_iter().take(batch.rows as usize).enumerate();
    let value = |(row, value)| is_valid(&batch.buffers[first], row).then_some(value);
    values.map(value).collect()
}

/// The values of a column of texts.
pub fn texts(batch: &Batch, first: usize) -> Vec<Option<String>> {
    let offsets = groups(&batch.buffers[first + 1]);
    let text = |row: usize| {
        let bytes = &batch.buffers[first + 2][offsets[row]..offsets[row + 1]];
        let text = String::from_utf8_lossy(bytes).into_owned();
        is_valid(&batch.buffers[first], row).then_some(text)
    };
    (0..batch.rows as usize).map(text).collect()
}

/// Rows of columns without nulls, in the making.
pub struct Rows {
    rows: u32,
    groups: Vec<u8>,
    buffers: Vec<Vec<u8>>,
}

impl Rows {
    /// `formats`: a letter of the contract for each column, `u` or of eight bytes.
    pub fn new(formats: &str) -> Self {
        let mut buffers = Vec::new();
        for format in formats.chars() {
            buffers.push(Vec::new());
            match format {
                'u' => buffers.extend([vec![0; 4], Vec::new()]),
                _ => buffers.push(Vec::new()),
            }
        }
        Self {
            rows: 0,
            groups: Vec::new(),
            buffers,
        }
    }

    /// Begins a row, of a key.
    pub fn row(&mut self, group: usize) {
        self.rows += 1;
        self.groups.extend((group as u32).to_le_bytes());
    }

    pub fn number(&mut self, first: usize, value: i64) {
        self.buffers[first + 1].extend(value.to_le_bytes());
    }

    pub fn text(&mut self, first: usize, value: &str) {
        self.buffers[first + 2].extend(value.as_bytes());
        let end = self.buffers[first + 2].len() as u32;
        self.buffers[first + 1].extend(end.to_le_bytes());
    }

    pub fn batch(self) -> Batch {
        Batch {
            rows: self.rows,
            buffers: self.buffers,
        }
    }

    pub fn owned(self) -> Owned {
        Owned {
            groups: self.groups.clone(),
            rows: self.batch(),
        }
    }
}

/// Key, time and kind of each.
pub fn timers(all: &[(usize, i64, u8)]) -> Timers {
    let mut timers = Timers {
        groups: Vec::new(),
        times: Vec::new(),
        kinds: Vec::new(),
    };
    for (group, time, kind) in all {
        timers.groups.extend((*group as u32).to_le_bytes());
        timers.times.extend(time.to_le_bytes());
        timers.kinds.push(*kind);
    }
    timers
}

/// The same, read.
pub fn each(timers: &Timers) -> Vec<(usize, i64, u8)> {
    let times = longs(&timers.times).into_iter().zip(&timers.kinds);
    let all = groups(&timers.groups).into_iter().zip(times);
    all.map(|(group, (time, kind))| (group, time, *kind))
        .collect()
}
