//! Reads what `pprint` prints, batch by batch.

use std::io::BufRead;

/// One printed batch.
pub(crate) struct Batch {
    /// `2026-11-21 07:43:01`.
    pub(crate) time: String,
    /// The lines below it.
    pub(crate) rows: Vec<String>,
}

/// Reads batches as they are printed.
pub(crate) struct Reader<R> {
    lines: std::io::Lines<R>,
}

impl Batch {
    /// The second within the day.
    pub(crate) fn seconds(&self) -> u32 {
        let (_, clock) = self.time.split_once(' ').unwrap();
        assert_eq!(clock.len(), 8, "whole seconds: {clock}");
        clock
            .split(':')
            .fold(0, |sum, part| sum * 60 + part.parse::<u32>().unwrap())
    }
}

impl<R: BufRead> Reader<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            lines: reader.lines(),
        }
    }

    /// The next batch, which has exactly the form of the DStream's.
    pub(crate) fn next(&mut self) -> Batch {
        let rule = "-".repeat(43);
        assert_eq!(self.line(), rule);
        let time = self.line().strip_prefix("Time: ").unwrap().to_owned();
        assert_eq!(self.line(), rule);
        let mut rows = Vec::new();
        loop {
            match self.line() {
                line if line.is_empty() => return Batch { time, rows },
                line => rows.push(line),
            }
        }
    }

    /// The next batch that is not empty.
    pub(crate) fn next_with_rows(&mut self) -> Batch {
        loop {
            let batch = self.next();
            if !batch.rows.is_empty() {
                return batch;
            }
        }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("azud stopped printing").unwrap()
    }
}
