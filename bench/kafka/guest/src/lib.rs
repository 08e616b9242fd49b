//! Keeps the records whose first byte is below a limit: as little work as a filter can do.

use azud_plugin::{Batch, Binary, Output, Result, Setup, Transform};

struct FirstByte;

azud_plugin::transform!(FirstByte);

impl Transform for FirstByte {
    type Config = azud_plugin::NoConfig;

    fn open(_: Self::Config, setup: &mut Setup) -> Result<Self> {
        setup.read::<Binary>("value")?;
        setup.carry_all();
        Ok(Self)
    }

    fn process(&mut self, batch: &Batch, out: &mut Output) -> Result<()> {
        for (row, value) in batch.column::<Binary>("value")?.iter().enumerate() {
            if value.and_then(|value| value.first()).is_some_and(|first| *first < 200) {
                out.keep(row);
            }
        }
        Ok(())
    }
}
