//! The price of one item, in cents.

use azud_plugin::{Batch, Builder, Int32, Int64, NoConfig, Output, Result, Setup, Transform};

struct Price;

azud_plugin::transform!(Price);

impl Transform for Price {
    type Config = NoConfig;

    fn open(_: NoConfig, setup: &mut Setup) -> Result<Self> {
        setup.read::<Int64>("amount")?;
        setup.read::<Int32>("items")?;
        setup.carry_all();
        setup.compute("cents", Int64).not_null();
        Ok(Self)
    }

    fn process(&mut self, batch: &Batch, out: &mut Output) -> Result<()> {
        let mut cents = Builder::<Int64>::with_capacity(batch.rows(), 0);
        let amounts = batch.column::<Int64>("amount")?.iter();
        let items = batch.column::<Int32>("items")?.iter();
        for (amount, items) in amounts.zip(items) {
            cents.push(each(
                amount.unwrap_or(0) * 100,
                i64::from(items.unwrap_or(1)),
            ));
        }
        out.keep_all();
        out.set("cents", cents)
    }
}

/// So much for each item.
fn each(cents: i64, items: i64) -> i64 {
    cents / items
}

#[cfg(test)]
mod tests {
    use azud_plugin::testing::{Table, run};

    use super::*;

    #[test]
    fn an_item_has_its_share() {
        let input = Table::new()
            .column("amount", Int64, [60, 10])
            .column("items", Int32, [4, 2]);
        let output = run::<Price>("{}", &input).unwrap();
        assert_eq!(output.column("cents"), [1_500, 500]);
    }
}
