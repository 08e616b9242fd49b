//! A plugin that converts states of two earlier versions, run natively.

use azud_plugin::testing::{OpenKeyed, Table, open_migrating};
use azud_plugin::{
    Batch, Context, Emitter, Error, Formers, Int64, Keyed, KeyedSetup, List, Map, Migrate,
    NoConfig, Nullable, Result, Timer, Utf8, Value,
};

struct Sums {
    total: Value<(Int64, Nullable<Int64>)>,
    seen: Map<Int64, Int64>,
    notes: List<Utf8>,
    out: Emitter<(Utf8, Int64, Nullable<Int64>, Int64, Utf8)>,
}

enum Former {
    /// A sum alone.
    One(Value<Int64>),
    /// Every value.
    Two {
        all: List<Int64>,
        last: Map<Utf8, Int64>,
    },
}

azud_plugin::migrating_keyed!(Sums);

impl Keyed for Sums {
    type Config = NoConfig;

    fn open(_: NoConfig, setup: &mut KeyedSetup) -> Result<Self> {
        setup.key::<Utf8>("user")?;
        Ok(Self {
            total: setup.value("total", &["sum", "rows"])?,
            seen: setup.map("seen", &["value", "times"])?,
            notes: setup.list("notes", &["note"])?,
            out: setup.output(&["user", "sum", "rows", "seen", "notes"])?,
        })
    }

    fn rows(&mut self, context: &mut Context<'_>, _: &Batch, _: &[usize]) -> Result<()> {
        self.give(context)
    }

    fn timer(&mut self, context: &mut Context<'_>, timer: Timer) -> Result<()> {
        self.notes.push(context, format!("at {}", timer.time()));
        self.give(context)
    }
}

impl Sums {
    fn give(&self, context: &Context<'_>) -> Result<()> {
        let user = context.key::<Utf8>("user")?.unwrap_or_default().to_owned();
        let (sum, rows) = self.total.get(context).unwrap_or((-1, None));
        let seen = self.seen.entries(context).into_iter();
        let seen = seen.map(|(value, times)| value * times).sum();
        let notes = self.notes.get(context).join(",");
        self.out.push((user, sum, rows, seen, notes));
        Ok(())
    }
}

impl Migrate for Sums {
    type Former = Former;

    fn former(&self, formers: &mut Formers<Former>) -> Result<()> {
        formers.version(|states| states.value("total", &["sum"]).map(Former::One))?;
        formers.version(|states| {
            Ok(Former::Two {
                all: states.list("all", &["x"])?,
                last: states.map("last", &["name", "x"])?,
            })
        })
    }

    fn migrate(&mut self, former: &Former, context: &mut Context<'_>) -> Result<()> {
        match former {
            Former::One(sum) => {
                if let Some(sum) = sum.get(context) {
                    self.total.set(context, (sum, None));
                }
            }
            Former::Two { all, last } => {
                let all = all.get(context);
                for value in &all {
                    let times = self.seen.get(context, value).unwrap_or(0);
                    self.seen.set(context, *value, times + 1);
                }
                if all.contains(&-1) {
                    return Err(Error::new("a row of -1"));
                }
                if all.contains(&-2) {
                    self.give(context)?;
                }
                self.total
                    .set(context, (all.iter().sum(), Some(all.len() as i64)));
                for (name, x) in last.entries(context) {
                    self.notes.push(context, format!("{name}={x}"));
                }
            }
        }
        // Each timer comes a second later.
        for timer in context.timers()? {
            context.delete_timer(timer);
            context.set_timer(Timer::Processing(timer.time() + 1_000_000));
        }
        Ok(())
    }
}

fn user(name: &str) -> Table {
    Table::new().column("user", Utf8, [name])
}

fn open() -> OpenKeyed<Sums, Former> {
    open_migrating("{}", &["user"], &user("ann")).unwrap()
}

fn numbers(name: &str, values: &[i64]) -> Table {
    Table::new().column(name, Int64, values.to_vec())
}

#[test]
fn what_a_version_has_kept_becomes_what_this_one_keeps() {
    let mut sums = open();
    let kept = [("total", numbers("sum", &[42]))];
    sums.migrate(0, &user("ann"), &kept, &[]).unwrap();
    let all = numbers("x", &[3, 4, 3]);
    let last = Table::new().column("name", Utf8, ["b", "a"]);
    let last = last.column("x", Int64, [7, 8]);
    let kept = [("last", last), ("all", all)];
    sums.migrate(1, &user("bob"), &kept, &[]).unwrap();
    // Of a key of which nothing is known but a timer.
    let timers = [Timer::Processing(5)];
    sums.migrate(0, &user("cid"), &[], &timers).unwrap();

    let ann = sums.rows(&user("ann")).unwrap();
    assert_eq!(ann.column("sum"), [42]);
    assert_eq!(ann.column("rows"), [None::<i64>]);
    let bob = sums.rows(&user("bob")).unwrap();
    assert_eq!(bob.column("sum"), [10]);
    assert_eq!(bob.column("rows"), [3]);
    assert_eq!(bob.column("seen"), [10]);
    assert_eq!(bob.column("notes"), ["a=8,b=7"]);
    assert_eq!(sums.rows(&user("cid")).unwrap().column("sum"), [-1]);
    // The timer is the one that the migration has set.
    assert_eq!(sums.epoch_ends(5).unwrap().rows(), 0);
    let fired = sums.epoch_ends(1_000_005).unwrap();
    assert_eq!(fired.column("user"), ["cid"]);
    assert_eq!(fired.column("notes"), ["at 1000005"]);
}

#[test]
fn what_cannot_be_converted_is_told_and_changes_nothing() {
    let migrate = |version: usize, state: &str, rows: Table| {
        let mut sums = open();
        let told = sums.migrate(version, &user("ann"), &[(state, rows)], &[]);
        assert_eq!(sums.rows(&user("ann")).unwrap().column("sum"), [-1]);
        told.unwrap_err().to_string()
    };
    assert_eq!(migrate(1, "all", numbers("x", &[-1])), "a row of -1");
    assert_eq!(
        migrate(1, "all", numbers("x", &[-2])),
        "`migrate` gives 1 rows of output: it has none"
    );
    assert_eq!(migrate(2, "all", Table::new()), "there is no version 2");
    assert_eq!(
        migrate(0, "all", numbers("x", &[1])),
        "version 0 has no state `all`"
    );
    assert_eq!(
        migrate(1, "all", numbers("y", &[1])),
        "the state `all` has the columns x, in this order and of their types"
    );
    assert_eq!(
        migrate(1, "last", numbers("x", &[1])),
        "the state `last` has the columns name, x, in this order and of their types"
    );
}
