//! Returns every column as a computed one, buffer by buffer.

use azud_plugin::{Batch, NoConfig, Output, Result, Setup, Transform};

struct Echo {
    columns: usize,
}

azud_plugin::transform!(Echo);

impl Transform for Echo {
    type Config = NoConfig;

    fn open(_: NoConfig, setup: &mut Setup) -> Result<Self> {
        let names: Vec<String> = setup.input().map(|field| field.name.clone()).collect();
        for name in &names {
            let fields = setup.read_any(name)?;
            setup.compute_fields(fields);
        }
        Ok(Self {
            columns: names.len(),
        })
    }

    fn process(&mut self, batch: &Batch, out: &mut Output) -> Result<()> {
        out.keep_all();
        for column in 0..self.columns {
            out.set_buffers(column, batch.rows(), batch.buffers(column)?.to_vec())?;
        }
        Ok(())
    }
}
