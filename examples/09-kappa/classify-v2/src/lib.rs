//! The second version knows a class between: from 50 to 99 is medium.

use azud_plugin::{Batch, Builder, Int64, Output, Result, Setup, Transform, Utf8};

/// Nothing can be set.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {}

struct Classify;

azud_plugin::transform!(Classify);

fn class(amount: i64) -> &'static str {
    match amount {
        ..50 => "small",
        50..100 => "medium",
        _ => "large",
    }
}

impl Transform for Classify {
    type Config = Config;

    fn open(_config: Config, setup: &mut Setup) -> Result<Self> {
        setup.read::<Int64>("amount")?;
        setup.carry_all();
        setup.compute("class", Utf8);
        Ok(Self)
    }

    fn process(&mut self, batch: &Batch, out: &mut Output) -> Result<()> {
        let mut classes = Builder::<Utf8>::new();
        for (row, amount) in batch.column::<Int64>("amount")?.iter().enumerate() {
            out.keep(row);
            classes.push_option(amount.map(class));
        }
        out.set("class", classes)
    }
}

#[cfg(test)]
mod tests {
    use azud_plugin::testing::{Table, run};

    use super::*;

    #[test]
    fn amounts_have_classes() {
        let input = Table::new().column("amount", Int64, [Some(49), Some(50), Some(200), None]);
        let output = run::<Classify>("{}", &input).unwrap();
        assert_eq!(
            output.column("class"),
            [Some("small"), Some("medium"), Some("large"), None]
        );
    }
}
