//! `max` or `sum`, as a plugin: what is raced against those of SQL.

use azud_plugin::{Aggregate, Batch, Builder, Columns, Error, Int64, Members, Result, Signature};

#[derive(Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum What {
    Max,
    Sum,
}

#[derive(serde::Deserialize)]
struct Config {
    what: What,
}

struct Fold(What);

azud_plugin::aggregate!(Fold);

impl Aggregate for Fold {
    type Config = Config;
    type Group = Option<i64>;

    fn open(config: Config, signature: &mut Signature) -> Result<Self> {
        signature.argument::<Int64>(0)?;
        signature.state("value", Int64);
        signature.output("value", Int64);
        Ok(Self(config.what))
    }

    fn load(&mut self, states: &Batch) -> Result<Vec<Option<i64>>> {
        Ok(states.column::<Int64>(0)?.iter().collect())
    }

    fn store(&mut self, groups: &[Option<i64>], states: &mut Columns) -> Result<()> {
        let mut values = Builder::<Int64>::with_capacity(groups.len(), 0);
        groups.iter().for_each(|group| values.push_option(*group));
        states.set(0, values)
    }

    fn update(
        &mut self,
        groups: &mut [Option<i64>],
        members: Members<'_>,
        rows: &Batch,
    ) -> Result<()> {
        for (member, value) in members.iter().zip(rows.column::<Int64>(0)?) {
            self.merge(&mut groups[member], value)?;
        }
        Ok(())
    }

    fn merge(&mut self, group: &mut Option<i64>, other: Option<i64>) -> Result<()> {
        *group = match (*group, other, self.0) {
            (Some(known), Some(other), What::Max) => Some(known.max(other)),
            (Some(known), Some(other), What::Sum) => Some(
                known
                    .checked_add(other)
                    .ok_or_else(|| Error::new("the sum is out of range"))?,
            ),
            (known, other, _) => known.or(other),
        };
        Ok(())
    }

    fn finish(&mut self, groups: &[Option<i64>], results: &mut Columns) -> Result<()> {
        self.store(groups, results)
    }
}
