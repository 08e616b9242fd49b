//! How far apart the amounts of a group are. Change it to what you need.

use azud_plugin::{
    Aggregate, Batch, Builder, Columns, Int64, Members, NoConfig, Result, Signature,
};

/// The plugin.
struct Spread;

/// What is known of a group: its least and its greatest amount; nothing without rows.
type Ends = Option<(i64, i64)>;

// Makes a WebAssembly component of it; `cargo test` needs none.
azud_plugin::aggregate!(Spread);

impl Aggregate for Spread {
    type Config = NoConfig;
    type Group = Ends;

    /// Runs once, before any row: says what the function takes, what is kept of a group, and
    /// what it gives.
    fn open(_: NoConfig, signature: &mut Signature) -> Result<Self> {
        signature.argument::<Int64>(0)?; // `update` gets this column,
        signature.state("least", Int64); // a checkpoint keeps these two of each group,
        signature.state("greatest", Int64);
        signature.output("spread", Int64); // and SQL gets this one
        Ok(Self)
    }

    /// The groups of rows of state.
    fn load(&mut self, states: &Batch) -> Result<Vec<Ends>> {
        let (least, greatest) = (states.column::<Int64>(0)?, states.column::<Int64>(1)?);
        Ok(least
            .iter()
            .zip(greatest)
            .map(|(least, greatest)| least.zip(greatest))
            .collect())
    }

    /// The rows of state of groups.
    fn store(&mut self, groups: &[Ends], states: &mut Columns) -> Result<()> {
        let (mut least, mut greatest) = (Builder::<Int64>::new(), Builder::<Int64>::new());
        for ends in groups {
            least.push_option(ends.map(|(least, _)| least));
            greatest.push_option(ends.map(|(_, greatest)| greatest));
        }
        states.set("least", least)?;
        states.set("greatest", greatest)
    }

    /// Adds each row to its group.
    fn update(&mut self, groups: &mut [Ends], members: Members<'_>, rows: &Batch) -> Result<()> {
        for (member, amount) in members.iter().zip(rows.column::<Int64>(0)?) {
            if let Some(amount) = amount {
                self.merge(&mut groups[member], Some((amount, amount)))?;
            }
        }
        Ok(())
    }

    /// Adds what is known of the same group elsewhere: in another lane, another window's part.
    fn merge(&mut self, group: &mut Ends, other: Ends) -> Result<()> {
        *group = match (*group, other) {
            (Some((least, greatest)), Some((less, greater))) => {
                Some((least.min(less), greatest.max(greater)))
            }
            (known, other) => known.or(other),
        };
        Ok(())
    }

    /// The results of groups.
    fn finish(&mut self, groups: &[Ends], results: &mut Columns) -> Result<()> {
        let mut spread = Builder::<Int64>::new();
        for ends in groups {
            spread.push_option(ends.map(|(least, greatest)| greatest.saturating_sub(least)));
        }
        results.set("spread", spread)
    }
}

#[cfg(test)]
mod tests {
    use azud_plugin::testing::{Table, reduce};

    use super::*;

    /// `reduce` also tries whether the rows give the same in pieces that are merged.
    #[test]
    fn the_ends_are_apart() {
        let amounts = [Some(51), None, Some(-9), Some(50)];
        let rows = Table::new().column("amount", Int64, amounts);
        assert_eq!(*reduce::<Spread>("{}", &rows).unwrap().value("spread"), 60);
    }

    #[test]
    fn without_amounts_there_is_no_spread() {
        let rows = Table::new().column("amount", Int64, [None::<i64>]);
        assert_eq!(
            *reduce::<Spread>("{}", &rows).unwrap().value("spread"),
            None::<i64>
        );
    }
}
