//! The two tasks that the boundary is measured with.

use azud_plugin::{Batch, Binary, Builder, Int64, Output, Result, Setup, Transform};

/// The step's `config:`.
#[derive(serde::Deserialize)]
#[serde(tag = "task", rename_all = "lowercase")]
enum Task {
    /// Returns the binary column `value` as the computed column `echo`.
    Echo,
    /// Keeps rows with `amount` above 50 and computes its double.
    Double,
}

azud_plugin::transform!(Task);

impl Transform for Task {
    type Config = Self;

    fn open(task: Self, setup: &mut Setup) -> Result<Self> {
        match task {
            Self::Echo => {
                setup.read::<Binary>("value")?;
                setup.compute("echo", Binary);
            }
            Self::Double => {
                setup.read::<Int64>("amount")?;
                setup.carry_all();
                setup.compute("doubled", Int64).not_null();
            }
        }
        Ok(task)
    }

    fn process(&mut self, batch: &Batch, out: &mut Output) -> Result<()> {
        match self {
            Self::Echo => echo(batch, out),
            Self::Double => double(batch, out),
        }
    }
}

fn echo(batch: &Batch, out: &mut Output) -> Result<()> {
    let values = batch.column::<Binary>("value")?;
    let mut echo = Builder::<Binary>::with_capacity(values.len(), values.view().data().len());
    for value in values {
        echo.push_option(value);
    }
    out.keep_all();
    out.set("echo", echo)
}

fn double(batch: &Batch, out: &mut Output) -> Result<()> {
    let amounts = batch.column::<Int64>("amount")?;
    let mut doubled = Builder::<Int64>::with_capacity(amounts.len(), 0);
    for (row, amount) in amounts.iter().enumerate() {
        let Some(amount) = amount.filter(|amount| *amount > 50) else {
            continue;
        };
        match amount.checked_mul(2) {
            Some(double) => {
                out.keep(row);
                doubled.push(double);
            }
            None => out.reject(row, "twice the amount is out of range"),
        }
    }
    out.set("doubled", doubled)
}
