//! A batch as bodies of requests: as many lines as fit, in order.

use std::ops::Range;

/// The lines of a batch that are not in a body yet.
pub(crate) struct Parts<L> {
    line: L,
    rows: Range<usize>,
    max_bytes: usize,
}

/// The body of a request.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Part {
    pub(crate) body: Vec<u8>,
    /// The batch's row of each line.
    pub(crate) rows: Vec<usize>,
    /// Rows that were left out: their lines alone are too long, with so many bytes.
    pub(crate) too_long: Vec<(usize, usize)>,
}

// === impl Parts ===

impl<L: Fn(usize, &mut Vec<u8>)> Parts<L> {
    /// `line` appends the line of a row.
    pub(crate) fn new(rows: usize, max_bytes: usize, line: L) -> Self {
        Self {
            line,
            rows: 0..rows,
            max_bytes,
        }
    }

    /// The next body. Its lines depend on the rows from its first on only, so rows
    /// that are offered again make the same bodies again. No lines: the end.
    pub(crate) fn next(&mut self) -> Part {
        let mut part = Part::default();
        for row in self.rows.clone() {
            let end = part.body.len();
            (self.line)(row, &mut part.body);
            let length = part.body.len() - end;
            if length > self.max_bytes {
                part.body.truncate(end);
                part.too_long.push((row, length));
            } else if part.body.len() > self.max_bytes {
                part.body.truncate(end);
                break;
            } else {
                part.rows.push(row);
            }
            self.rows.start = row + 1;
        }
        part
    }

    /// The rows that no body has yet.
    pub(crate) fn rest(&self) -> Range<usize> {
        self.rows.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(lines: &[&str], max_bytes: usize) -> Vec<Part> {
        let line = |row: usize, out: &mut Vec<u8>| {
            out.extend_from_slice(lines[row].as_bytes());
            out.push(b'\n');
        };
        let mut parts = Parts::new(lines.len(), max_bytes, line);
        let mut all = Vec::new();
        loop {
            let part = parts.next();
            if part == Part::default() {
                return all;
            }
            all.push(part);
        }
    }

    fn bodies(lines: &[&str], max_bytes: usize) -> Vec<String> {
        let parts = parts(lines, max_bytes).into_iter();
        parts
            .map(|part| String::from_utf8(part.body).unwrap())
            .collect()
    }

    #[test]
    fn bodies_are_full_and_never_too_full() {
        assert_eq!(bodies(&[], 4), [""; 0]);
        assert_eq!(bodies(&["a", "b", "c"], 100), ["a\nb\nc\n"]);
        assert_eq!(bodies(&["a", "b", "c"], 4), ["a\nb\n", "c\n"]);
        assert_eq!(bodies(&["a", "bb", "c"], 4), ["a\n", "bb\n", "c\n"]);
        assert_eq!(bodies(&["aaa", "bbb"], 4), ["aaa\n", "bbb\n"]);
    }

    #[test]
    fn a_line_that_never_fits_is_left_out() {
        let parts = parts(&["a", "bbbb", "c", "dddd"], 4);
        assert_eq!(parts.len(), 1);
        assert_eq!(parts[0].body, b"a\nc\n");
        assert_eq!(parts[0].rows, [0, 2]);
        assert_eq!(parts[0].too_long, [(1, 5), (3, 5)]);
    }
}
