//! An aggregate that converts states of two earlier versions, run natively.

use azud_plugin::testing::{Migrated, Table, Value, migrate_aggregate, reduce};
use azud_plugin::{
    Aggregate, AggregateFormers, Batch, Builder, Columns, Error, Int64, Members, MigrateAggregate,
    Result, Signature, Utf8,
};

/// Sums and counts; `wrong` says how its migration is.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Sums {
    #[serde(default)]
    wrong: String,
}

#[derive(Default)]
struct Group {
    sum: i64,
    rows: i64,
}

enum Former {
    /// The sum, and how many rows were even, and odd.
    One,
    /// Both as text.
    Two,
}

azud_plugin::migrating_aggregate!(Sums);

impl Aggregate for Sums {
    type Config = Self;
    type Group = Group;

    fn open(config: Self, signature: &mut Signature) -> Result<Self> {
        signature.argument::<Int64>(0)?;
        signature.state("sum", Int64).not_null();
        signature.state("rows", Int64).not_null();
        signature.output("told", Utf8);
        Ok(config)
    }

    fn load(&mut self, states: &Batch) -> Result<Vec<Group>> {
        let (sums, rows) = (states.column::<Int64>(0)?, states.column::<Int64>(1)?);
        let groups = sums.iter().zip(rows.iter());
        let groups = groups.map(|(sum, rows)| Group {
            sum: sum.unwrap_or_default(),
            rows: rows.unwrap_or_default(),
        });
        Ok(groups.collect())
    }

    fn store(&mut self, groups: &[Group], states: &mut Columns) -> Result<()> {
        let (mut sums, mut rows) = (Builder::<Int64>::new(), Builder::<Int64>::new());
        for group in groups {
            sums.push(group.sum);
            rows.push(group.rows);
        }
        states.set("sum", sums)?;
        states.set("rows", rows)
    }

    fn update(&mut self, groups: &mut [Group], members: Members<'_>, rows: &Batch) -> Result<()> {
        for (member, n) in members.iter().zip(rows.column::<Int64>(0)?) {
            groups[member].sum += n.unwrap_or_default();
            groups[member].rows += 1;
        }
        Ok(())
    }

    fn merge(&mut self, group: &mut Group, other: Group) -> Result<()> {
        group.sum += other.sum;
        group.rows += other.rows;
        Ok(())
    }

    fn finish(&mut self, groups: &[Group], results: &mut Columns) -> Result<()> {
        let mut told = Builder::<Utf8>::new();
        for group in groups {
            told.push(&format!("{} of {}", group.sum, group.rows));
        }
        results.set("told", told)
    }
}

impl MigrateAggregate for Sums {
    type Former = Former;

    fn former(&self, formers: &mut AggregateFormers<Former>) -> Result<()> {
        formers.version(|state| {
            for column in ["sum", "even", "odd"] {
                state.column(column, Int64).not_null();
            }
            Ok(Former::One)
        })?;
        formers.version(|state| {
            state.column("known", Utf8);
            Ok(Former::Two)
        })
    }

    fn migrate(&mut self, former: &Former, states: &Batch) -> Result<Vec<Group>> {
        let mut groups = Vec::new();
        match former {
            Former::One => {
                let [sums, even, odd] =
                    ["sum", "even", "odd"].map(|name| states.column::<Int64>(name));
                let (sums, even, odd) = (sums?, even?, odd?);
                for row in 0..states.rows() {
                    let number = |column: Option<i64>| column.unwrap_or_default();
                    groups.push(Group {
                        sum: number(sums.get(row)),
                        rows: number(even.get(row)) + number(odd.get(row)),
                    });
                }
            }
            Former::Two => {
                for known in states.column::<Utf8>("known")? {
                    let (sum, rows) = known
                        .and_then(|known| known.split_once('/'))
                        .unwrap_or_default();
                    let number = |text: &str| text.parse().map_err(|_| Error::new("no number"));
                    groups.push(Group {
                        sum: number(sum)?,
                        rows: number(rows)?,
                    });
                }
            }
        }
        match self.wrong.as_str() {
            "forgets" => drop(groups.pop()),
            "looks-beside" => groups[0].sum += groups.len() as i64,
            _ => {}
        }
        Ok(groups)
    }
}

fn migrate(wrong: &str, version: usize, states: &Table) -> Result<Migrated, String> {
    let arguments = Table::new().column("arg1", Int64, Vec::<i64>::new());
    let config = format!(r#"{{ "wrong": "{wrong}" }}"#);
    let migrated = migrate_aggregate::<Sums>(&config, &arguments, version, states);
    migrated.map_err(|error| error.to_string())
}

fn one(sums: &[i64]) -> Table {
    let column = |table: Table, name, values: &[i64]| table.column(name, Int64, values.to_vec());
    let table = column(Table::new(), "sum", sums);
    let table = column(table, "even", &vec![2; sums.len()]);
    column(table, "odd", &vec![5; sums.len()])
}

#[test]
fn what_a_version_has_kept_becomes_what_this_one_keeps() {
    let migrated = migrate("", 0, &one(&[42, -1])).unwrap();
    assert_eq!(migrated.state("sum"), [42, -1]);
    assert_eq!(migrated.state("rows"), [7, 7]);
    assert_eq!(migrated.result("told"), ["42 of 7", "-1 of 7"]);
    let known = Table::new().column("known", Utf8, ["3/1", "10/4"]);
    let migrated = migrate("", 1, &known).unwrap();
    assert_eq!(migrated.result("told"), ["3 of 1", "10 of 4"]);
    assert_eq!(migrate("", 0, &one(&[])).unwrap().state("sum").len(), 0);
    // It is an aggregate as any other.
    let rows = Table::new().column("arg1", Int64, [1, 2, 4]);
    let reduced = reduce::<Sums>("{}", &rows).unwrap();
    assert_eq!(*reduced.value("told"), Value::from("7 of 3"));
}

#[test]
fn what_cannot_be_converted_is_told() {
    let known = |known: &str| Table::new().column("known", Utf8, [known]);
    assert_eq!(migrate("", 1, &known("a/b")).unwrap_err(), "no number");
    assert_eq!(
        migrate("", 2, &known("1/1")).unwrap_err(),
        "there is no version 2"
    );
    assert_eq!(
        migrate("", 0, &known("1/1")).unwrap_err(),
        "the state of version 0 has the columns sum, even, odd, in this order and of their types"
    );
    assert_eq!(
        migrate("forgets", 0, &one(&[1, 2])).unwrap_err(),
        "`migrate` made 1 groups of 2 states"
    );
    let beside = migrate("looks-beside", 0, &one(&[1, 2])).unwrap_err();
    assert!(
        beside.starts_with("the state in row 0 becomes Migrated"),
        "{beside}"
    );
}
