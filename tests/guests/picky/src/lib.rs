//! A hundred by `n`, and a failure of every sort that a row can cause.

use azud_plugin::{Batch, Builder, Error, Int64, NoConfig, Output, Result, Setup, Transform};

struct Picky;

azud_plugin::transform!(Picky);

impl Transform for Picky {
    type Config = NoConfig;

    fn open(_: NoConfig, setup: &mut Setup) -> Result<Self> {
        setup.read::<Int64>("n")?;
        setup.carry_all();
        setup.compute("part", Int64).not_null();
        Ok(Self)
    }

    fn process(&mut self, batch: &Batch, out: &mut Output) -> Result<()> {
        let mut parts = Builder::<Int64>::new();
        for (row, n) in batch.column::<Int64>("n")?.iter().enumerate() {
            match n.unwrap_or_default() {
                0 => panic!("a hundred by 0"),
                13 => return Err(Error::new("13 brings bad luck")),
                77 => loop {
                    std::hint::black_box(row);
                },
                n if n < 0 => out.reject(row, format!("{n} is negative")),
                n => {
                    out.keep(row);
                    parts.push(100 / n);
                }
            }
        }
        out.set("part", parts)
    }
}
