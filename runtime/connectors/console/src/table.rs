//! A table, byte for byte as Spark 4's `showString` makes it.

use crate::shown::Shown;

/// The batch's headline, its table, and an empty line or what was left out.
pub(crate) fn table(number: u64, shown: &Shown, limit: usize, left_aligned: bool) -> String {
    let rule = "-".repeat(43);
    let mut out = format!("{rule}\nBatch: {number}\n{rule}\n");

    let rows = shown
        .rows
        .get(..limit.min(shown.rows.len()))
        .unwrap_or_default();
    let mut widths: Vec<usize> = shown.names.iter().map(|name| width(name).max(3)).collect();
    for row in rows {
        for (column, cell) in widths.iter_mut().zip(row) {
            *column = width(cell).max(*column);
        }
    }
    let rule: String = widths
        .iter()
        .map(|width| format!("+{}", "-".repeat(*width)))
        .collect();
    let rule = rule + "+\n";
    out.push_str(&rule);
    line(&shown.names, &widths, left_aligned, &mut out);
    out.push_str(&rule);
    for row in rows {
        line(row, &widths, left_aligned, &mut out);
    }
    out.push_str(&rule);
    match limit {
        _ if shown.count <= limit as u64 => {}
        1 => out.push_str("only showing top 1 row"),
        _ => out.push_str(&format!("only showing top {limit} rows")),
    }
    out.push('\n');
    out
}

fn line(cells: &[String], widths: &[usize], left_aligned: bool, out: &mut String) {
    for (cell, column) in cells.iter().zip(widths) {
        let padding = " ".repeat(column.saturating_sub(width(cell)));
        out.push('|');
        if left_aligned {
            out.extend([cell.as_str(), &padding]);
        } else {
            out.extend([padding.as_str(), cell]);
        }
    }
    out.push_str("|\n");
}

/// How many columns of a terminal a text takes: Spark's rule, which counts
/// UTF-16 units and a second time those that East Asian scripts draw wide.
pub(crate) fn width(text: &str) -> usize {
    text.chars()
        .map(|c| c.len_utf16() + usize::from(is_wide(c)))
        .sum()
}

fn is_wide(c: char) -> bool {
    matches!(
        c,
        '\u{1100}'..='\u{115f}'
            | '\u{2e80}'..='\u{a4cf}'
            | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}'
            | '\u{fe10}'..='\u{fe19}'
            | '\u{fe30}'..='\u{fe6f}'
            | '\u{ff00}'..='\u{ff60}'
            | '\u{ffe0}'..='\u{ffe6}'
    )
}

/// Cuts a cell to `longest` UTF-16 units, the last three of them dots.
pub(crate) fn truncate(cell: String, longest: usize) -> String {
    let length: usize = cell.chars().map(char::len_utf16).sum();
    if length <= longest {
        return cell;
    }
    let dots = if longest < 4 { "" } else { "..." };
    let mut room = longest - dots.len();
    let kept = cell.chars().take_while(|c| {
        let fits = c.len_utf16() <= room;
        room = room.saturating_sub(c.len_utf16());
        fits
    });
    kept.chain(dots.chars()).collect()
}

/// Control characters would break the table: Spark writes them as escapes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{c}' => out.push_str("\\f"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{7}' => out.push_str("\\a"),
            c => out.push(c),
        }
    }
    out
}
