//! What came against what was expected: two multisets of rows.

use std::collections::HashMap;

use crate::cells::{NULL, Row};

/// More rows than these are not paired: nobody reads that many, and pairing them takes their product.
const MAX_PAIRED: usize = 200;

/// The rows that only one side has.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Expected rows that did not come, each with the row that came instead, if one is like it.
    pub(crate) missing: Vec<(Row, Option<Row>)>,
    /// Rows that came beside those.
    pub(crate) extra: Vec<Row>,
    /// How many rows both have.
    pub(crate) same: usize,
}

/// Compares rows of the same columns, each as often as it is there.
pub(crate) fn compare(expected: Vec<Row>, actual: Vec<Row>) -> Difference {
    let mut wanted: HashMap<Row, usize> = HashMap::new();
    for row in &expected {
        *wanted.entry(row.clone()).or_default() += 1;
    }
    let mut same = 0;
    let mut extra = Vec::new();
    for row in actual {
        match wanted.get_mut(&row) {
            Some(count) if *count > 0 => {
                *count -= 1;
                same += 1;
            }
            _ => extra.push(row),
        }
    }
    // From behind, so that of equal rows the last ones are missing.
    let mut missing: Vec<Row> = expected
        .into_iter()
        .rev()
        .filter(|row| match wanted.get_mut(row) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        })
        .collect();
    missing.reverse();
    pair(missing, extra, same)
}

/// Puts rows that are like each other side by side, the most alike first.
fn pair(missing: Vec<Row>, extra: Vec<Row>, same: usize) -> Difference {
    let mut likes = Vec::new();
    for (left, row) in missing.iter().take(MAX_PAIRED).enumerate() {
        for (right, other) in extra.iter().take(MAX_PAIRED).enumerate() {
            let likeness = likeness(row, other);
            if likeness > 0 {
                likes.push((std::cmp::Reverse(likeness), left, right));
            }
        }
    }
    likes.sort_unstable();
    let mut extra: Vec<Option<Row>> = extra.into_iter().map(Some).collect();
    let mut missing: Vec<(Row, Option<Row>)> = missing.into_iter().map(|row| (row, None)).collect();
    for (_, left, right) in likes {
        if let Some((_, instead @ None)) = missing.get_mut(left)
            && let Some(row) = extra.get_mut(right)
        {
            *instead = row.take();
        }
    }
    Difference {
        missing,
        extra: extra.into_iter().flatten().collect(),
        same,
    }
}

/// How many cells are equal; that both have nothing somewhere says nothing.
fn likeness(left: &Row, right: &Row) -> usize {
    let cells = left.iter().zip(right);
    cells
        .filter(|(left, right)| left == right && *left != NULL)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(texts: &[&str]) -> Vec<Row> {
        let row = |text: &&str| text.split(' ').map(str::to_owned).collect();
        texts.iter().map(row).collect()
    }

    #[test]
    fn each_row_counts_as_often_as_it_is_there() {
        let found = compare(rows(&["a 1", "a 1", "b 2"]), rows(&["b 2", "a 1", "a 1"]));
        assert_eq!(
            found,
            Difference {
                same: 3,
                ..Difference::default()
            }
        );
        let found = compare(rows(&["x x", "x x"]), rows(&["x x", "y y", "y y"]));
        assert_eq!(found.same, 1);
        assert_eq!(found.missing, [(rows(&["x x"]).remove(0), None)]);
        assert_eq!(found.extra, rows(&["y y", "y y"]));
    }

    #[test]
    fn the_rows_most_alike_are_paired() {
        let found = compare(
            rows(&["a 1 x", "b 2 x", "c null null"]),
            rows(&["b 3 x", "a 1 y", "d null null"]),
        );
        let pairs: Vec<_> = found
            .missing
            .iter()
            .map(|(row, other)| (row.join(" "), other.as_ref().map(|other| other.join(" "))))
            .collect();
        let pair = |row: &str, other: Option<&str>| (row.to_owned(), other.map(str::to_owned));
        assert_eq!(
            pairs,
            [
                pair("a 1 x", Some("a 1 y")),
                pair("b 2 x", Some("b 3 x")),
                pair("c null null", None)
            ]
        );
        assert_eq!(found.extra, rows(&["d null null"]));
    }
}
