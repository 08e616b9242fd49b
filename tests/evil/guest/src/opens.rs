//! What a transform says that it gives.

use crate::{Opened, azud::plugin::types::Field, exports::azud::plugin::transform::Column};

/// It reads `n`, carries all so many columns, and computes the text `said`.
pub fn open(how: &str, carries: usize) -> Result<Opened, String> {
    let field = |name: &str, format: &str, children| Field {
        name: name.into(),
        format: format.into(),
        nullable: false,
        children,
    };
    let usual = || {
        let mut columns: Vec<Column> = (0..carries as u32).map(Column::Carried).collect();
        columns.push(Column::Computed(vec![field("said", "u", 0)]));
        columns
    };
    let columns = match how {
        "carries-less" => vec![Column::Computed(vec![field("said", "u", 0)])],
        "other-types" => vec![
            Column::Carried(0),
            Column::Computed(vec![field("said", "l", 0)]),
        ],
        "refuses" => return Err(format!("no\n\u{1b}[31m{}", "!".repeat(8 << 20))),
        "long-name" => vec![Column::Computed(vec![field(&"n".repeat(1 << 20), "u", 0)])],
        "evil-name" => vec![Column::Computed(vec![field("a\u{1b}[2J\nb", "u", 0)])],
        "bidi-name" => vec![Column::Computed(vec![field("a\u{202e}b", "u", 0)])],
        "long-format" => vec![Column::Computed(vec![field(
            "a",
            &"\u{1b}".repeat(1 << 20),
            0,
        )])],
        "many-columns" => (0..100_000)
            .map(|n| Column::Computed(vec![field(&n.to_string(), "u", 0)]))
            .collect(),
        "wide-columns" => (0..900)
            .map(|n| {
                let mut fields = vec![field(&n.to_string(), "+s", 300)];
                fields.extend((0..300).map(|n| field(&n.to_string(), "b", 0)));
                Column::Computed(fields)
            })
            .collect(),
        "deep" => {
            let fields = (0..900).map(|depth| field("x", "+l", u32::from(depth < 899)));
            vec![Column::Computed(fields.collect())]
        }
        _ => usual(),
    };
    Ok(Opened {
        reads: vec![0],
        columns,
    })
}
