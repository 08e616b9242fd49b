//! An aggregate in three versions, for tests: `sums(n, x)` counts and sums `x`, and keeps that in
//! other columns in each version, which converts those of all before it.
//!
//! A test writes the version into the component, and how the migration of a group whose `n` is 7
//! fails: `2`, `3 traps`.

use azud_plugin::{
    Aggregate, AggregateFormers, Batch, Builder, Columns, Error, FormerState, Int64, Members,
    MigrateAggregate, NoConfig, Result, Signature, Utf8,
};

#[used]
static VERSION: [u8; 64] = *b"azud-sums-version:1                                             ";

struct Sums {
    version: u32,
    /// How its migration fails.
    fails: String,
    /// Whether the groups of the call are of a migration that fails.
    spoils: bool,
}

#[derive(Clone, Copy, Default)]
struct Group {
    /// The `n` of any row.
    n: Option<i64>,
    sum: i64,
    even: i64,
    odd: i64,
    /// The first version that has kept it; the third knows that.
    since: u32,
}

azud_plugin::migrating_aggregate!(Sums);

impl Aggregate for Sums {
    type Config = NoConfig;
    type Group = Group;

    fn open(_: NoConfig, signature: &mut Signature) -> Result<Self> {
        // SAFETY: a test has written other bytes there, which the compiler does not know of.
        let version: Vec<u8> = (VERSION.iter())
            .map(|byte| unsafe { std::ptr::read_volatile(byte) })
            .collect();
        let version = String::from_utf8_lossy(&version);
        let (_, version) = version.split_once(':').unwrap_or_default();
        let (version, fails) = version.split_once(' ').unwrap_or((version, ""));
        let version = version.parse().map_err(|_| Error::new("no version"))?;
        signature.argument::<Int64>(0)?;
        signature.argument::<Int64>(1)?;
        signature.state("n", Int64);
        for column in numbers(version) {
            signature.state(column, Int64).not_null();
        }
        if version > 2 {
            signature.state("known", Utf8).not_null();
        }
        signature.output("sum", Int64).not_null();
        signature.output("rows", Int64).not_null();
        signature.output("said", Utf8).not_null();
        Ok(Self {
            version,
            fails: fails.trim().to_owned(),
            spoils: false,
        })
    }

    fn load(&mut self, states: &Batch) -> Result<Vec<Group>> {
        load(self.version, states)
    }

    fn store(&mut self, groups: &[Group], states: &mut Columns) -> Result<()> {
        let mut all = Builder::<Int64>::new();
        groups.iter().for_each(|group| all.push_option(group.n));
        states.set("n", all)?;
        let spoils = std::mem::take(&mut self.spoils).then_some(self.fails.as_str());
        for column in numbers(self.version) {
            if (spoils, *column) == (Some("mistypes"), "sum") {
                // A text a group, in a column of numbers.
                let offsets = vec![0; 4 * (groups.len() + 1)];
                let text = vec![Vec::new(), offsets, Vec::new()];
                states.set_buffers(*column, groups.len(), text)?;
                continue;
            }
            let mut all = Builder::<Int64>::new();
            for group in groups {
                if (spoils, *column) == (Some("nulls"), "sum") {
                    all.push_option(None);
                    continue;
                }
                all.push(match *column {
                    "sum" => group.sum,
                    "even" => group.even,
                    "odd" => group.odd,
                    _ => group.rows(),
                });
            }
            states.set(*column, all)?;
        }
        if self.version > 2 {
            if spoils == Some("mistypes") {
                let numbers = vec![Vec::new(), vec![0; 8 * groups.len()]];
                return states.set_buffers("known", groups.len(), numbers);
            }
            let mut known = Builder::<Utf8>::new();
            for group in groups {
                if spoils == Some("nulls") {
                    known.push_option(None);
                    continue;
                }
                known.push(&format!("{}/{}/{}", group.sum, group.rows(), group.since));
            }
            states.set("known", known)?;
        }
        Ok(())
    }

    fn update(&mut self, groups: &mut [Group], members: Members<'_>, rows: &Batch) -> Result<()> {
        let (all, values) = (rows.column::<Int64>(0)?, rows.column::<Int64>(1)?);
        for (member, (n, x)) in members.iter().zip(all.iter().zip(values.iter())) {
            let x = x.unwrap_or_default();
            let is_even = x % 2 == 0;
            let row = Group {
                n,
                sum: x,
                even: i64::from(is_even),
                odd: i64::from(!is_even),
                since: self.version,
            };
            self.merge(&mut groups[member], row)?;
        }
        Ok(())
    }

    fn merge(&mut self, group: &mut Group, other: Group) -> Result<()> {
        *group = Group {
            n: group.n.max(other.n),
            sum: group.sum + other.sum,
            even: group.even + other.even,
            odd: group.odd + other.odd,
            // None is of version 0: one that has no rows.
            since: match group.since.min(other.since) {
                0 => group.since.max(other.since),
                since => since,
            },
        };
        Ok(())
    }

    fn finish(&mut self, groups: &[Group], results: &mut Columns) -> Result<()> {
        let (mut sums, mut rows) = (Builder::<Int64>::new(), Builder::<Int64>::new());
        let mut said = Builder::<Utf8>::new();
        for group in groups {
            sums.push(group.sum);
            rows.push(group.rows());
            said.push(&match self.version {
                3 => format!("v3 since v{}", group.since),
                version => format!("v{version}"),
            });
        }
        results.set("sum", sums)?;
        results.set("rows", rows)?;
        results.set("said", said)
    }
}

impl MigrateAggregate for Sums {
    /// The version.
    type Former = u32;

    fn former(&self, formers: &mut AggregateFormers<u32>) -> Result<()> {
        if self.fails == "lies" {
            return formers.version(|state| {
                state.column("other", Int64);
                Ok(1)
            });
        }
        for version in 1..self.version {
            formers.version(|state: &mut FormerState| {
                state.column("n", Int64);
                for column in numbers(version) {
                    state.column(column, Int64).not_null();
                }
                Ok(version)
            })?;
        }
        Ok(())
    }

    fn migrate(&mut self, former: &u32, states: &Batch) -> Result<Vec<Group>> {
        let mut groups = load(*former, states)?;
        if groups.iter().any(|group| group.n == Some(7)) {
            self.spoils = true;
            match self.fails.as_str() {
                "traps" => panic!("in the migration"),
                "fails" => return Err(Error::new("not this group\u{1b}[2J")),
                "loops" => loop {
                    std::hint::black_box(());
                },
                "forgets" => drop(groups.pop()),
                "eats" => drop(std::hint::black_box(vec![1_u8; 1 << 30])),
                _ => {}
            }
        }
        Ok(groups)
    }
}

impl Group {
    fn rows(&self) -> i64 {
        self.even + self.odd
    }
}

/// The columns of numbers that a version keeps.
fn numbers(version: u32) -> &'static [&'static str] {
    match version {
        1 => &["sum", "even", "odd"],
        2 => &["sum", "rows"],
        _ => &[],
    }
}

/// The groups of states that a version has kept.
fn load(version: u32, states: &Batch) -> Result<Vec<Group>> {
    let mut groups = Vec::new();
    for n in states.column::<Int64>("n")? {
        groups.push(Group {
            n,
            since: version,
            ..Group::default()
        });
    }
    for column in numbers(version) {
        for (group, number) in groups.iter_mut().zip(states.column::<Int64>(*column)?) {
            let number = number.unwrap_or_default();
            match *column {
                "sum" => group.sum = number,
                "odd" => group.odd = number,
                _ => group.even = number,
            }
        }
    }
    if version > 2 {
        for (group, known) in groups.iter_mut().zip(states.column::<Utf8>("known")?) {
            let mut known = known.unwrap_or_default().split('/');
            let mut next = || known.next().and_then(|known| known.parse::<i64>().ok());
            let missing = || Error::new("a state is not what was kept");
            group.sum = next().ok_or_else(missing)?;
            group.even = next().ok_or_else(missing)?;
            group.since = next().ok_or_else(missing)? as u32;
        }
    }
    Ok(groups)
}
