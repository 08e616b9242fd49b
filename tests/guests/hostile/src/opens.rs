//! Wrong answers of `open`.

use crate::exports::azud::plugin::transform::{Column, Field, Opened};

pub fn open(switch: &str, format: &str, input: &[Field]) -> Result<Opened, String> {
    let one = |name: &str, format: &str, children| Field {
        name: name.into(),
        format: format.into(),
        nullable: false,
        children,
    };
    let out = || Column::Computed(vec![one("out", format, 0)]);
    let computed = |fields| vec![Column::Computed(fields)];
    let (reads, columns) = match switch {
        "open-refuses" => return Err(format!("{} columns are too few\u{1b}[2J", input.len())),
        "open-traps" => panic!("in open"),
        "open-loops" => loop {
            std::hint::black_box(0);
        },
        "open-reads-beyond" => (vec![7], vec![out()]),
        "open-reads-twice" => (vec![0, 0], vec![out()]),
        "open-carries-beyond" => (vec![0], vec![Column::Carried(2)]),
        "open-same-name" => (vec![0], vec![Column::Carried(1), Column::Carried(1)]),
        "open-no-field" => (vec![0], computed(vec![])),
        "open-leftover" => (
            vec![0],
            computed(vec![one("out", "l", 0), one("more", "l", 0)]),
        ),
        "open-few-children" => (
            vec![0],
            computed(vec![one("out", "+s", 2), one("a", "l", 0)]),
        ),
        "open-children-of-number" => (
            vec![0],
            computed(vec![one("out", "l", 1), one("a", "l", 0)]),
        ),
        "open-struct-of-nothing" => (vec![0], computed(vec![one("out", "+s", 0)])),
        "open-two-items" => (
            vec![0],
            computed(vec![
                one("out", "+l", 2),
                one("a", "l", 0),
                one("b", "l", 0),
            ]),
        ),
        "open-map-of-number" => (
            vec![0],
            computed(vec![one("out", "+m", 1), one("a", "l", 0)]),
        ),
        "open-deep" => (
            vec![0],
            computed(
                (0..100)
                    .map(|depth| one("out", "+l", u32::from(depth < 99)))
                    .collect(),
            ),
        ),
        "open-many-fields" => {
            let mut fields = vec![one("out", "+s", 5_000)];
            fields.extend((0..5_000).map(|n| one(&n.to_string(), "l", 0)));
            (vec![0], computed(fields))
        }
        "open-many-columns" => (vec![0], (0..5_000).map(|_| Column::Carried(0)).collect()),
        "open-no-columns" => (vec![0], vec![]),
        "carry-nothing" | "rows-lie-alone" => (vec![0], vec![out()]),
        "compute-nothing" => (vec![0], vec![Column::Carried(1)]),
        _ => (vec![0], vec![Column::Carried(1), out()]),
    };
    Ok(Opened { reads, columns })
}
