//! `top(amount)`: the largest amounts of a group, as text: `90, 60, 50`.

use azud_plugin::{
    Aggregate, Batch, Binary, Builder, Columns, Error, Int64, Members, Result, Signature, Utf8,
};

/// What the pipeline says under `config:` of the plugin.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// How many amounts.
    count: usize,
}

struct Top {
    count: usize,
}

azud_plugin::aggregate!(Top);

/// What is known of a group: the largest first, `count` of them at most.
type Largest = Vec<i64>;

impl Top {
    fn add(&self, largest: &mut Largest, amount: i64) {
        let place = largest.partition_point(|other| *other >= amount);
        if place < self.count {
            largest.truncate(self.count - 1);
            largest.insert(place, amount);
        }
    }
}

impl Aggregate for Top {
    type Config = Config;
    type Group = Largest;

    /// Which argument it takes, what is kept of a group, and what it gives.
    fn open(config: Config, signature: &mut Signature) -> Result<Self> {
        if config.count == 0 || config.count > 1_000 {
            return Err(Error::new("config: `count` is from 1 to 1000"));
        }
        signature.argument::<Int64>(0)?;
        signature.state("largest", Binary).not_null();
        signature.output("top", Utf8).not_null();
        Ok(Self {
            count: config.count,
        })
    }

    /// A state is the amounts one after the other, eight bytes each.
    fn load(&mut self, states: &Batch) -> Result<Vec<Largest>> {
        let states = states.column::<Binary>("largest")?;
        let group = |state: Option<&[u8]>| {
            let (amounts, _) = state.unwrap_or_default().as_chunks();
            amounts
                .iter()
                .map(|amount| i64::from_le_bytes(*amount))
                .collect()
        };
        Ok(states.iter().map(group).collect())
    }

    fn store(&mut self, groups: &[Largest], states: &mut Columns) -> Result<()> {
        let mut column = Builder::<Binary>::new();
        for largest in groups {
            let state: Vec<u8> = largest
                .iter()
                .flat_map(|amount| amount.to_le_bytes())
                .collect();
            column.push(&state);
        }
        states.set("largest", column)
    }

    /// Adds each row to its group.
    fn update(&mut self, groups: &mut [Largest], members: Members<'_>, rows: &Batch) -> Result<()> {
        for (member, amount) in members.iter().zip(rows.column::<Int64>(0)?) {
            if let Some(amount) = amount {
                self.add(&mut groups[member], amount);
            }
        }
        Ok(())
    }

    /// Adds what another lane, or another part of a window, knows of the same group.
    fn merge(&mut self, group: &mut Largest, other: Largest) -> Result<()> {
        other.into_iter().for_each(|amount| self.add(group, amount));
        Ok(())
    }

    fn finish(&mut self, groups: &[Largest], results: &mut Columns) -> Result<()> {
        let mut column = Builder::<Utf8>::new();
        for largest in groups {
            let amounts: Vec<String> = largest.iter().map(i64::to_string).collect();
            column.push(&amounts.join(", "));
        }
        results.set("top", column)
    }
}

#[cfg(test)]
mod tests {
    use azud_plugin::testing::{Table, reduce};

    use super::*;

    /// `reduce` also tries whether the rows give the same in pieces that are merged.
    #[test]
    fn the_largest_come_first() {
        let amounts = [Some(20), None, Some(70), Some(-4), Some(70), Some(30)];
        let rows = Table::new().column("arg1", Int64, amounts);
        let result = reduce::<Top>(r#"{ "count": 3 }"#, &rows).unwrap();
        assert_eq!(*result.value("top"), "70, 70, 30");
    }

    /// The law of every aggregate, over many groups.
    #[test]
    fn pieces_give_what_the_whole_gives() {
        let mut random = 7_u64;
        for rows in 0..60 {
            let amounts: Vec<Option<i64>> = (0..rows)
                .map(|_| {
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    let amount = (random >> 40) as i64 % 50 - 20;
                    (amount % 7 != 0).then_some(amount)
                })
                .collect();
            let mut sorted: Vec<i64> = amounts.iter().flatten().copied().collect();
            sorted.sort_by(|a, b| b.cmp(a));
            let expected: Vec<String> = sorted.iter().take(4).map(i64::to_string).collect();
            let rows = Table::new().column("arg1", Int64, amounts);
            let result = reduce::<Top>(r#"{ "count": 4 }"#, &rows).unwrap();
            assert_eq!(*result.value("top"), expected.join(", "));
        }
    }

    #[test]
    fn what_it_cannot_take_is_refused() {
        let refused =
            |config: &str, rows: &Table| reduce::<Top>(config, rows).unwrap_err().to_string();
        let amounts = Table::new().column("arg1", Int64, [1]);
        assert_eq!(
            refused(r#"{ "count": 0 }"#, &amounts),
            "config: `count` is from 1 to 1000"
        );
        let names = Table::new().column("arg1", Utf8, ["ann"]);
        assert_eq!(
            refused(r#"{ "count": 1 }"#, &names),
            "argument 1 is string, not bigint: cast it in SQL"
        );
        let both = amounts.column("arg2", Int64, [1]);
        assert_eq!(
            refused(r#"{ "count": 1 }"#, &both),
            "it takes 1 argument, and is called with 2"
        );
    }
}
