//! What each user has spent so far, order by order. Change it to what you need.

use std::time::Duration;

use azud_plugin::{
    Batch, Context, Emitter, Int64, Keyed, KeyedSetup, NoConfig, Result, Utf8, Value,
};

/// The plugin: it remembers nothing itself. What it knows of a user is in `total`.
struct Totals {
    total: Value<Int64>,
    out: Emitter<(Utf8, Int64, Int64)>,
}

// Makes a WebAssembly component of it; `cargo test` needs none.
azud_plugin::keyed!(Totals);

impl Keyed for Totals {
    type Config = NoConfig;

    /// Runs once, before any row: says what it reads, what is kept of a key, and what it gives.
    fn open(_: NoConfig, setup: &mut KeyedSetup) -> Result<Self> {
        setup.key::<Utf8>("user")?; // the pipeline says `key: [user]`
        setup.read::<Int64>("amount")?; // `rows` gets this column
        let month = Duration::from_secs(30 * 24 * 60 * 60);
        Ok(Self {
            // A checkpoint keeps this of each user; a month after the last order it is forgotten.
            total: setup.ttl(month).value("total", &["amount"])?,
            out: setup.output(&["user", "amount", "total"])?,
        })
    }

    /// Runs for each user that has new rows: they are `rows` of the batch, in order.
    fn rows(&mut self, context: &mut Context<'_>, batch: &Batch, rows: &[usize]) -> Result<()> {
        let Some(user) = context.key::<Utf8>("user")? else {
            return Ok(());
        };
        let amounts = batch.column::<Int64>("amount")?;
        let mut total = self.total.get(context).unwrap_or(0);
        for row in rows {
            let Some(amount) = amounts.get(*row) else {
                continue;
            };
            match total.checked_add(amount) {
                Some(more) => total = more,
                None => {
                    context.reject(*row, "the total is out of range");
                    continue;
                }
            }
            self.out.push((user.to_owned(), amount, total));
        }
        self.total.set(context, total);
        Ok(())
    }

    // `fn timer` runs when a timer is due that `context.set_timer` has set for this user. Timers
    // of event time want `setup.event_timers()` in `open`, and `time:` on the pipeline's source.
}

#[cfg(test)]
mod tests {
    use azud_plugin::testing::{Table, open_keyed};

    use super::*;

    fn orders<const N: usize>(users: [&str; N], amounts: [Option<i64>; N]) -> Table {
        let users = Table::new().column("user", Utf8, users);
        users.column("amount", Int64, amounts)
    }

    #[test]
    fn totals_grow_over_calls() {
        let first = orders(["ana", "bo", "ana"], [Some(51), Some(7), None]);
        let mut totals = open_keyed::<Totals>("{}", &["user"], &first).unwrap();
        assert_eq!(totals.rows(&first).unwrap().column("total"), [51, 7]);
        let then = orders(["ana", "ana"], [Some(9), Some(-60)]);
        assert_eq!(totals.rows(&then).unwrap().column("total"), [60, 0]);
    }

    #[test]
    fn what_is_too_much_is_rejected() {
        let rows = orders(["ana", "ana"], [Some(i64::MAX), Some(1)]);
        let mut totals = open_keyed::<Totals>("{}", &["user"], &rows).unwrap();
        let given = totals.rows(&rows).unwrap();
        assert_eq!(given.column("total"), [i64::MAX]);
        let reason = "the total is out of range".to_owned();
        assert_eq!(given.rejected, [(1, reason)]);
    }
}
