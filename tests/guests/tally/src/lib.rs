//! An aggregate for tests: `tally(n)`, a sum in text, such as `3 rows, 12`; and a failure of
//! every sort that a row or a state can cause.
//!
//! | `n` | |
//! |---|---|
//! | -1 | the row traps |
//! | -2 | the row is an error |
//! | -3 | the row loops |
//! | -4 | the row takes more memory than there is |
//! | -5 | a state with it cannot be merged |
//! | -6 | a state with it has no result |

use azud_plugin::{
    Aggregate, Batch, Builder, Columns, Error, Int64, Members, Result, Signature, Utf8,
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// What stands before the sum.
    #[serde(default)]
    unit: String,
    /// A column more in the state: another version of this plugin.
    #[serde(default)]
    extra: bool,
    /// Gives the rows and the sum by themselves.
    #[serde(default)]
    parts: bool,
}

struct Tally(Config);

#[derive(Default)]
struct Group {
    rows: i64,
    sum: i64,
}

impl Aggregate for Tally {
    type Config = Config;
    type Group = Group;

    fn open(config: Config, signature: &mut Signature) -> Result<Self> {
        signature.argument::<Int64>(0)?;
        signature.state("rows", Int64).not_null();
        signature.state("sum", Int64).not_null();
        if config.extra {
            signature.state("extra", Int64);
        }
        if config.parts {
            signature.output("rows", Int64).not_null();
            signature.output("sum", Int64);
        } else {
            signature.output("tally", Utf8);
        }
        Ok(Self(config))
    }

    fn load(&mut self, states: &Batch) -> Result<Vec<Group>> {
        let (rows, sums) = (states.column::<Int64>(0)?, states.column::<Int64>(1)?);
        let groups = rows.iter().zip(sums).map(|(rows, sum)| Group {
            rows: rows.unwrap_or_default(),
            sum: sum.unwrap_or_default(),
        });
        Ok(groups.collect())
    }

    fn store(&mut self, groups: &[Group], states: &mut Columns) -> Result<()> {
        let (mut rows, mut sums) = (Builder::<Int64>::new(), Builder::<Int64>::new());
        let mut extra = Builder::<Int64>::new();
        for group in groups {
            rows.push(group.rows);
            sums.push(group.sum);
            extra.push_null();
        }
        states.set(0, rows)?;
        states.set(1, sums)?;
        match self.0.extra {
            true => states.set(2, extra),
            false => Ok(()),
        }
    }

    fn update(&mut self, groups: &mut [Group], members: Members<'_>, rows: &Batch) -> Result<()> {
        for (member, n) in members.iter().zip(rows.column::<Int64>(0)?) {
            let Some(n) = n else { continue };
            match n {
                -1 => panic!("a row of -1"),
                -2 => return Err(Error::new("a row of -2")),
                -3 => loop {
                    std::hint::black_box(0);
                },
                -4 => drop(std::hint::black_box(vec![1_u8; 1 << 30])),
                _ => {}
            }
            let group = &mut groups[member];
            group.rows += 1;
            group.sum = group
                .sum
                .checked_add(n)
                .ok_or_else(|| Error::new("the sum is too large"))?;
        }
        Ok(())
    }

    fn merge(&mut self, group: &mut Group, other: Group) -> Result<()> {
        if group.sum == -5 || other.sum == -5 {
            return Err(Error::new("a state of -5"));
        }
        group.rows += other.rows;
        group.sum += other.sum;
        Ok(())
    }

    fn finish(&mut self, groups: &[Group], results: &mut Columns) -> Result<()> {
        let mut tallies = Builder::<Utf8>::new();
        let (mut rows, mut sums) = (Builder::<Int64>::new(), Builder::<Int64>::new());
        for group in groups {
            if group.sum == -6 {
                return Err(Error::new("a state of -6"));
            }
            rows.push(group.rows);
            sums.push_option((group.rows > 0).then_some(group.sum));
            let unit = &self.0.unit;
            tallies.push(&format!("{} rows, {unit}{}", group.rows, group.sum));
        }
        if self.0.parts {
            results.set("rows", rows)?;
            return results.set("sum", sums);
        }
        results.set(0, tallies)
    }
}

azud_plugin::aggregate!(Tally);
