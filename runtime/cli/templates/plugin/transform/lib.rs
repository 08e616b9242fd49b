//! Keeps the rows whose amount is above a limit. Change it to what you need.

use azud_plugin::{Batch, Int64, Output, Result, Setup, Transform};

/// What the pipeline says under `config:`. A key that is not here is refused.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    above: i64,
}

/// The plugin. What it keeps in its fields lives on from batch to batch.
struct Filter {
    above: i64,
}

// Makes a WebAssembly component of it; `cargo test` needs none.
azud_plugin::transform!(Filter);

impl Transform for Filter {
    type Config = Config;

    /// Runs once, before any row: says which columns the plugin needs and gives.
    fn open(config: Config, setup: &mut Setup) -> Result<Self> {
        setup.read::<Int64>("amount")?; // `process` gets this column,
        setup.carry_all(); // and all columns of the rows that it keeps go on
        Ok(Self {
            above: config.above,
        })
    }

    /// Runs for each batch: up to some thousand rows.
    fn process(&mut self, batch: &Batch, out: &mut Output) -> Result<()> {
        for (row, amount) in batch.column::<Int64>("amount")?.iter().enumerate() {
            match amount {
                Some(amount) if amount < 0 => out.reject(row, "the amount is negative"),
                Some(amount) if amount > self.above => out.keep(row),
                // Too small, or null: the row ends here.
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use azud_plugin::testing::{Table, run};

    use super::*;

    #[test]
    fn keeps_what_is_above() {
        let amounts = [Some(51), Some(50), None, Some(-1)];
        let input = Table::new().column("amount", Int64, amounts);
        let output = run::<Filter>(r#"{ "above": 50 }"#, &input).unwrap();
        assert_eq!(output.column("amount"), [51]);
        assert_eq!(output.rejected, [(3, "the amount is negative".to_owned())]);
    }
}
