//! Wrong answers of `open`.

use crate::exports::azud::plugin::aggregate::{Field, Schemas};

pub fn open(how: &str) -> Result<Schemas, String> {
    let one = |name: &str, format: &str, children| Field {
        name: name.into(),
        format: format.into(),
        nullable: false,
        children,
    };
    let (state, output) = (vec![one("sum", "l", 0)], vec![one("sum", "l", 0)]);
    let (state, output) = match how {
        "refuses" => return Err("not these\u{1b}[2J".into()),
        "traps" => panic!("in open"),
        "loops" => loop {
            std::hint::black_box(0);
        },
        "no-state" => (vec![], output),
        "no-output" => (state, vec![]),
        "same-name" => (vec![one("a", "l", 0), one("a", "l", 0)], output),
        "few-children" => (vec![one("a", "+s", 2), one("b", "l", 0)], output),
        "many-children" => (vec![one("a", "+s", u32::MAX), one("b", "l", 0)], output),
        "strange-format" => (state, vec![one("a", "xyz", 0)]),
        "control-name" => (state, vec![one("a\u{1b}[2J", "l", 0)]),
        "many-fields" => (
            (0..5_000).map(|n| one(&n.to_string(), "l", 0)).collect(),
            output,
        ),
        "deep" => {
            let deep = |depth| one("deep", "+l", u32::from(depth < 99));
            ((0..100).map(deep).collect(), output)
        }
        _ => (state, output),
    };
    Ok(Schemas { state, output })
}
