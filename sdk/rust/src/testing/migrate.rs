//! Runs a migration on what an earlier version has kept.

use super::{OpenKeyed, Table, keyed::places};
use crate::{
    Error, Migrate, Result, Timer,
    instance::{KeyedInstance, Work},
    keyed::Declared,
};

/// As [`open_keyed`](super::open_keyed), of a plugin that converts states of earlier versions.
///
/// ```
/// # use azud_plugin::{Batch, Context, Emitter, Formers, Int64, Keyed, KeyedSetup, Migrate, NoConfig};
/// # use azud_plugin::{Result, Utf8, Value};
/// # struct Means { known: Value<(Int64, Int64)>, out: Emitter<Int64> }
/// # impl Keyed for Means {
/// #     type Config = NoConfig;
/// #     fn open(_: NoConfig, setup: &mut KeyedSetup) -> Result<Self> {
/// #         Ok(Self { known: setup.value("total", &["sum", "rows"])?, out: setup.output(&["sum"])? })
/// #     }
/// #     fn rows(&mut self, context: &mut Context<'_>, _: &Batch, _: &[usize]) -> Result<()> {
/// #         self.out.push(self.known.get(context).unwrap_or_default().0);
/// #         Ok(())
/// #     }
/// # }
/// # impl Migrate for Means {
/// #     type Former = Value<Int64>;
/// #     fn former(&self, formers: &mut Formers<Value<Int64>>) -> Result<()> {
/// #         formers.version(|states| states.value("total", &["sum"]))
/// #     }
/// #     fn migrate(&mut self, former: &Value<Int64>, context: &mut Context<'_>) -> Result<()> {
/// #         if let Some(sum) = former.get(context) {
/// #             self.known.set(context, (sum, 0));
/// #         }
/// #         Ok(())
/// #     }
/// # }
/// use azud_plugin::testing::{Table, open_migrating};
///
/// let ann = Table::new().column("user", Utf8, ["ann"]);
/// let mut means = open_migrating::<Means>("{}", &["user"], &ann)?;
/// let kept = Table::new().column("sum", Int64, [42]);
/// means.migrate(0, &ann, &[("total", kept)], &[])?;
/// assert_eq!(means.rows(&ann)?.column("sum"), [42]);
/// # Ok::<(), azud_plugin::Error>(())
/// ```
pub fn open_migrating<K: Migrate>(
    config: &str,
    key: &[&str],
    columns: &Table,
) -> Result<OpenKeyed<K, K::Former>> {
    let key = places(key, columns)?;
    let opened = KeyedInstance::open_migrating(config, columns.fields(), key.clone());
    let (instance, opened) = opened?;
    OpenKeyed::new(instance, opened, key)
}

// === impl OpenKeyed ===

impl<K: Migrate> OpenKeyed<K, K::Former> {
    /// Converts what a version, by its number in `former`, has kept of one key: `key` is a row that
    /// has it, `states` are its rows by the names of its states, `timers` are those that it has
    /// set.
    pub fn migrate(
        &mut self,
        version: usize,
        key: &Table,
        states: &[(&str, Table)],
        timers: &[Timer],
    ) -> Result<()> {
        let former = self.instance.formers.get(version);
        let former = former.ok_or_else(|| Error::new(format!("there is no version {version}")))?;
        let declared = former.declared.clone();
        if let Some((name, _)) = states
            .iter()
            .find(|(name, _)| declared.iter().all(|state| state.name != *name))
        {
            return Err(Error::new(format!(
                "version {version} has no state `{name}`"
            )));
        }
        for (place, state) in declared.iter().enumerate() {
            let rows = states.iter().find(|(name, _)| *name == state.name);
            let rows = match rows {
                Some((_, rows)) => of_state(state, rows)?,
                None => of_state(state, &nothing(state))?,
            };
            let members = vec![0; rows.rows() * 4];
            let given = (rows.rows(), rows.all_buffers());
            self.instance
                .load_former(version, place, 1, (given.0, &given.1), &members)?;
        }
        let number = self.known(key, 0);
        timers
            .iter()
            .for_each(|timer| self.has_timer(number, *timer));
        let columns = self.key.iter();
        let buffers: Vec<Vec<u8>> = columns
            .flat_map(|column| key.buffers(*column).to_vec())
            .collect();
        let done = self.instance.migrate(
            version,
            Work {
                keys: (1, &buffers),
                rows: (0, &[]),
                members: &[],
                due: Vec::new(),
                pending: timers.iter().map(|timer| (0, *timer)).collect(),
                clocks: self.clocks,
            },
        )?;
        self.keep(&[number], done).map(drop)
    }
}

fn nothing(state: &Declared) -> Table {
    let fields = state.columns.iter();
    fields.fold(Table::new(), |table, field| {
        table.column_of(vec![field.clone()], Vec::<super::Value>::new())
    })
}

/// The rows, if they have the columns of the state.
fn of_state(state: &Declared, rows: &Table) -> Result<Table> {
    let fields = rows.fields();
    let same = fields.len() == state.columns.len()
        && fields
            .iter()
            .zip(&state.columns)
            .all(|(own, of)| own.name == of.name && own.format == of.format);
    if !same {
        let names = state.columns.iter().map(|field| field.name.as_str());
        return Err(Error::new(format!(
            "the state `{}` has the columns {}, in this order and of their types",
            state.name,
            names.collect::<Vec<_>>().join(", ")
        )));
    }
    let columns = state.columns.iter().enumerate();
    Ok(columns.fold(Table::new(), |table, (place, field)| {
        table.column_of(vec![field.clone()], rows.values(place).to_vec())
    }))
}
