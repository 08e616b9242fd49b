//! A difference as people read it.

use std::fmt::Write;

use crate::cells::{Row, name, show};
use crate::compare::Difference;

/// After so many lines a node's rows are only counted.
const MAX_LINES: usize = 20;

/// Draws the rows that differ, `-` what is missing and `+` what is too many; below two that
/// belong together, carets mark what differs. Every line ends with a line end.
pub(crate) fn draw(node: &str, columns: &[String], difference: &Difference) -> String {
    let paired = difference.missing.iter();
    let paired = paired.filter(|(_, instead)| instead.is_some()).count();
    let extra = difference.extra.len() + paired;
    let mut lines = Vec::new();
    // Rows, of which every one is in a block of lines that stay together.
    let mut left = difference.missing.len() + extra;
    let missing = difference
        .missing
        .iter()
        .map(|(row, instead)| match instead {
            Some(instead) => (2, pair(columns, row, instead)),
            None => (1, vec![line('-', columns, row)]),
        });
    let extras = difference.extra.iter();
    let extras = extras.map(|row| (1, vec![line('+', columns, row)]));
    for (rows, block) in missing.chain(extras) {
        if lines.len() + block.len() > MAX_LINES {
            break;
        }
        lines.extend(block);
        left -= rows;
    }
    if left > 0 {
        lines.push(format!("... and {left} more"));
    }
    let mut drawn = format!(
        "{node}: {} missing, {extra} too many, {} as expected\n",
        difference.missing.len(),
        difference.same
    );
    for line in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(drawn, "  {line}");
    }
    drawn
}

fn line(sign: char, columns: &[String], row: &Row) -> String {
    let columns = columns.iter().map(String::as_str);
    format!("{sign} {}", show(columns.zip(row.iter().cloned())))
}

fn pair(columns: &[String], expected: &Row, actual: &Row) -> Vec<String> {
    let mut marks = String::from("    ");
    for ((column, expected), actual) in columns.iter().zip(expected).zip(actual) {
        let width = name(column).chars().count() + 2 + actual.chars().count();
        let mark = if expected == actual { " " } else { "^" };
        marks.push_str(&mark.repeat(width));
        marks.push_str("  ");
    }
    vec![
        line('-', columns, expected),
        line('+', columns, actual),
        marks.trim_end().to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::compare;

    fn rows(texts: &[&str]) -> Vec<Row> {
        let row = |text: &&str| text.split(' ').map(str::to_owned).collect();
        texts.iter().map(row).collect()
    }

    #[test]
    fn rows_that_belong_together_are_marked() {
        let columns = ["word".to_owned(), "count(*)".to_owned()];
        let difference = compare(
            rows(&["\"to\" 2", "\"be\" 2", "\"or\" 1"]),
            rows(&["\"to\" 12", "\"or\" 1", "\"é\" 7"]),
        );
        assert_eq!(
            draw("counts", &columns, &difference),
            r#"counts: 2 missing, 2 too many, 1 as expected
  - { word: "to", "count(*)": 2 }
  + { word: "to", "count(*)": 12 }
                  ^^^^^^^^^^^^^^
  - { word: "be", "count(*)": 2 }
  + { word: "é", "count(*)": 7 }
"#
        );
    }

    #[test]
    fn many_rows_are_counted() {
        let many: Vec<Row> = (0..100).map(|n| vec![n.to_string()]).collect();
        let drawn = draw("all", &["n".to_owned()], &compare(Vec::new(), many));
        assert_eq!(drawn.lines().count(), 22);
        assert!(
            drawn.ends_with("  + { n: 19 }\n  ... and 80 more\n"),
            "{drawn}"
        );
    }
}
