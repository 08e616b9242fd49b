//! The price of one item, in cents. It has a mistake, as plugins do: it panics
//! where an order has no items. Azud finds that row among its neighbours.

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
        for (row, (amount, items)) in amounts.zip(items).enumerate() {
            let (Some(amount), Some(items)) = (amount, items) else {
                out.reject(row, "an order has an amount and items");
                continue;
            };
            match amount.checked_mul(100) {
                Some(all) => {
                    out.keep(row);
                    // The mistake: nobody has looked whether `items` is 0.
                    cents.push(all / i64::from(items));
                }
                None => out.reject(row, format!("an amount of {amount} is out of range")),
            }
        }
        out.set("cents", cents)
    }
}

#[cfg(test)]
mod tests {
    use azud_plugin::testing::{Table, run};

    use super::*;

    #[test]
    fn an_amount_out_of_range_is_rejected() {
        let input =
            Table::new()
                .column("amount", Int64, [60, i64::MAX])
                .column("items", Int32, [4, 1]);
        let output = run::<Price>("{}", &input).unwrap();
        assert_eq!(output.column("cents"), [1_500]);
        let reason = "an amount of 9223372036854775807 is out of range".to_owned();
        assert_eq!(output.rejected, [(1, reason)]);
    }
}
