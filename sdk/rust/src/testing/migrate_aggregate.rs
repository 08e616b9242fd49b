//! Runs the migration of an aggregate on states that an earlier version has kept.

use super::{Table, Value, aggregate::columns, table};
use crate::{Error, Field, MigrateAggregate, Result, instance::AggregateInstance, schema};

/// What became of states: a row each, in their order.
#[derive(Debug, PartialEq)]
pub struct Migrated {
    state: Vec<(String, Vec<Value>)>,
    results: Vec<(String, Vec<Value>)>,
}

/// Opens an aggregate with a configuration (JSON) for the columns of a table, its arguments, and
/// converts states that a version, by its number in `former`, has kept: `states` has its columns.
///
/// Each state is converted by itself, too: what becomes of it must not depend on those beside it.
///
/// ```
/// # use azud_plugin::{Aggregate, AggregateFormers, Batch, Builder, Columns, Int64, Members};
/// # use azud_plugin::{MigrateAggregate, NoConfig, Result, Signature};
/// # struct Count;
/// # impl Aggregate for Count {
/// #     type Config = NoConfig;
/// #     type Group = i64;
/// #     fn open(_: NoConfig, signature: &mut Signature) -> Result<Self> {
/// #         signature.argument::<Int64>(0)?;
/// #         signature.state("rows", Int64);
/// #         signature.output("rows", Int64);
/// #         Ok(Self)
/// #     }
/// #     fn load(&mut self, states: &Batch) -> Result<Vec<i64>> {
/// #         Ok(states.column::<Int64>("rows")?.iter().map(Option::unwrap_or_default).collect())
/// #     }
/// #     fn store(&mut self, groups: &[i64], states: &mut Columns) -> Result<()> {
/// #         let mut rows = Builder::<Int64>::new();
/// #         groups.iter().for_each(|group| rows.push(*group));
/// #         states.set("rows", rows)
/// #     }
/// #     fn update(&mut self, _: &mut [i64], _: Members<'_>, _: &Batch) -> Result<()> { Ok(()) }
/// #     fn merge(&mut self, _: &mut i64, _: i64) -> Result<()> { Ok(()) }
/// #     fn finish(&mut self, groups: &[i64], results: &mut Columns) -> Result<()> {
/// #         self.store(groups, results)
/// #     }
/// # }
/// # impl MigrateAggregate for Count {
/// #     type Former = ();
/// #     fn former(&self, formers: &mut AggregateFormers<()>) -> Result<()> {
/// #         formers.version(|state| {
/// #             state.column("even", Int64);
/// #             state.column("odd", Int64);
/// #             Ok(())
/// #         })
/// #     }
/// #     fn migrate(&mut self, _: &(), states: &Batch) -> Result<Vec<i64>> {
/// #         let (even, odd) = (states.column::<Int64>("even")?, states.column::<Int64>("odd")?);
/// #         let rows = even.iter().zip(odd.iter());
/// #         Ok(rows.map(|(even, odd)| even.unwrap_or(0) + odd.unwrap_or(0)).collect())
/// #     }
/// # }
/// use azud_plugin::testing::{Table, migrate_aggregate};
///
/// let arguments = Table::new().column("arg1", Int64, Vec::<i64>::new());
/// let kept = Table::new().column("even", Int64, [1, 20]).column("odd", Int64, [2, 22]);
/// let migrated = migrate_aggregate::<Count>("{}", &arguments, 0, &kept)?;
/// assert_eq!(migrated.state("rows"), [3, 42]);
/// assert_eq!(migrated.result("rows"), [3, 42]);
/// # Ok::<(), azud_plugin::Error>(())
/// ```
pub fn migrate_aggregate<A: MigrateAggregate>(
    config: &str,
    arguments: &Table,
    version: usize,
    states: &Table,
) -> Result<Migrated> {
    let opened = AggregateInstance::<A, A::Former>::open_migrating(config, arguments.fields());
    let (mut instance, schemas) = opened?;
    let former = instance.formers.get(version);
    let former = former.ok_or_else(|| Error::new(format!("there is no version {version}")))?;
    check_columns(version, &former.state, &states.fields())?;
    let mut convert = |states: &Table| {
        let rows = states.rows();
        let converted = instance.migrate(version, (rows, &states.all_buffers()))?;
        let results = instance.finish((rows, &converted))?;
        Ok::<_, Error>(Migrated {
            state: decode(&schemas.state, rows, &converted)?,
            results: decode(&schemas.output, rows, &results)?,
        })
    };
    let all = convert(states)?;
    for row in 0..states.rows() {
        let alone = convert(&states.pick(&[row]))?;
        let beside = all.row(row);
        if alone != beside {
            return Err(Error::new(format!(
                "the state in row {row} becomes {alone:?} by itself, and {beside:?} beside others"
            )));
        }
    }
    Ok(all)
}

// === impl Migrated ===

impl Migrated {
    /// A column of the states.
    ///
    /// # Panics
    /// Where there is no such column: a mistake in the test.
    pub fn state(&self, column: &str) -> &[Value] {
        find(&self.state, "state", column)
    }

    /// A column of the results of these states.
    ///
    /// # Panics
    /// Where there is no such column: a mistake in the test.
    pub fn result(&self, column: &str) -> &[Value] {
        find(&self.results, "result", column)
    }

    fn row(&self, row: usize) -> Self {
        let of = |columns: &[(String, Vec<Value>)]| {
            let columns = columns.iter();
            let columns = columns.map(|(name, values)| {
                let value = values.get(row).cloned();
                (name.clone(), value.into_iter().collect())
            });
            columns.collect()
        };
        Self {
            state: of(&self.state),
            results: of(&self.results),
        }
    }
}

fn find<'a>(columns: &'a [(String, Vec<Value>)], of: &str, name: &str) -> &'a [Value] {
    match columns.iter().find(|(column, _)| column == name) {
        Some((_, values)) => values,
        None => panic!("the {of} has no column `{name}`"),
    }
}

fn check_columns(version: usize, state: &[Field], given: &[Field]) -> Result<()> {
    let same = |(own, of): (&Field, &Field)| own.name == of.name && own.format == of.format;
    if given.len() == state.len() && given.iter().zip(state).all(same) {
        return Ok(());
    }
    let names = columns(state);
    let names = names.iter().filter_map(|column| column.first());
    let names: Vec<&str> = names.map(|field| field.name.as_str()).collect();
    Err(Error::new(format!(
        "the state of version {version} has the columns {}, in this order and of their types",
        names.join(", ")
    )))
}

/// Values by column.
fn decode(
    fields: &[Field],
    rows: usize,
    mut buffers: &[Vec<u8>],
) -> Result<Vec<(String, Vec<Value>)>> {
    let columns = columns(fields).into_iter().map(|column| {
        let count = column.iter().map(|field| schema::buffers(&field.format));
        let (own, rest) = buffers
            .split_at_checked(count.sum())
            .unwrap_or((buffers, &[]));
        buffers = rest;
        let name = column.first().map(|field| field.name.clone());
        Ok((name.unwrap_or_default(), table::decode(column, rows, own)?))
    });
    columns.collect()
}
