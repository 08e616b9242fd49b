//! Baskets that were paid, and those that were not: nobody tells of the latter, time does.

use azud_plugin::{
    Batch, Context, Emitter, Error, Int64, Keyed, KeyedSetup, Map, Result, Timer, Timestamp, Utf8,
    Value,
};

/// What the pipeline says under `config:` of the node.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// So many seconds after the last item a basket is abandoned.
    wait: u32,
}

struct Baskets {
    /// Microseconds.
    wait: i64,
    /// How many of each item are in the basket of the user.
    items: Map<Utf8, Int64>,
    /// When it is abandoned.
    until: Value<Timestamp>,
    out: Emitter<(Utf8, Utf8, Utf8, Timestamp)>,
}

azud_plugin::keyed!(Baskets);

impl Keyed for Baskets {
    type Config = Config;

    fn open(config: Config, setup: &mut KeyedSetup) -> Result<Self> {
        if config.wait == 0 {
            return Err(Error::new("config: `wait` is at least one second"));
        }
        setup.key::<Utf8>("user")?;
        setup.read::<Utf8>("what")?;
        setup.read::<Utf8>("item")?;
        setup.read::<Timestamp>("ts")?;
        setup.event_timers();
        let baskets = Self {
            wait: i64::from(config.wait) * 1_000_000,
            items: setup.map("items", &["item", "count"])?,
            until: setup.value("until", &["until"])?,
            out: setup.output(&["user", "basket", "became", "ts"])?,
        };
        setup.event_time("ts")?;
        Ok(baskets)
    }

    /// New rows of a user, in order.
    fn rows(&mut self, context: &mut Context<'_>, batch: &Batch, rows: &[usize]) -> Result<()> {
        let what = batch.column::<Utf8>("what")?;
        let item = batch.column::<Utf8>("item")?;
        let ts = batch.column::<Timestamp>("ts")?;
        for row in rows {
            let Some(at) = ts.get(*row) else {
                context.reject(*row, "there is no ts");
                continue;
            };
            // A row that comes with others may be past the end that no timer has told of yet.
            if let Some(until) = self.until.get(context).filter(|until| at >= *until) {
                self.close(context, "abandoned", until)?;
            }
            match (what.get(*row), item.get(*row)) {
                (Some("add"), Some(item)) => {
                    let item = item.to_owned();
                    let count = self.items.get(context, &item).unwrap_or(0);
                    self.items.set(context, item, count + 1);
                    self.wait_until(context, at + self.wait);
                }
                (Some("pay"), _) => self.close(context, "paid", at)?,
                _ => context.reject(*row, "`what` is add, with an item, or pay"),
            }
        }
        Ok(())
    }

    /// Nothing has come for so long.
    fn timer(&mut self, context: &mut Context<'_>, timer: Timer) -> Result<()> {
        self.close(context, "abandoned", timer.time())
    }
}

impl Baskets {
    /// Each item moves the end: a basket has one timer.
    fn wait_until(&self, context: &mut Context<'_>, until: i64) {
        let before = self.until.get(context);
        let until = before.map_or(until, |before| before.max(until));
        if let Some(before) = before {
            context.delete_timer(Timer::Event(before));
        }
        context.set_timer(Timer::Event(until));
        self.until.set(context, until);
    }

    fn close(&self, context: &mut Context<'_>, became: &str, at: i64) -> Result<()> {
        let items = self.items.entries(context);
        if let Some(until) = self.until.get(context) {
            context.delete_timer(Timer::Event(until));
        }
        self.items.clear(context);
        self.until.clear(context);
        if items.is_empty() {
            return Ok(());
        }
        let items: Vec<String> = items
            .into_iter()
            .map(|(item, count)| format!("{count} {item}"))
            .collect();
        let user = context.key::<Utf8>("user")?.unwrap_or_default();
        let row = (user.to_owned(), items.join(", "), became.to_owned(), at);
        self.out.push(row);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use azud_plugin::testing::{OpenKeyed, Table, open_keyed};

    use super::*;

    const SECOND: i64 = 1_000_000;

    fn rows<const N: usize>(rows: [(&str, &str, i64); N]) -> Table {
        let what = rows.map(|(what, ..)| what);
        let item = rows.map(|(_, item, _)| item);
        let ts = rows.map(|(.., second)| second * SECOND);
        let table = Table::new().column("user", Utf8, rows.map(|_| "ann"));
        let table = table.column("what", Utf8, what).column("item", Utf8, item);
        table.column("ts", Timestamp, ts)
    }

    fn open() -> OpenKeyed<Baskets> {
        open_keyed(r#"{ "wait": 60 }"#, &["user"], &rows([])).unwrap()
    }

    #[test]
    fn what_is_paid_is_not_abandoned() {
        let mut baskets = open();
        let bought = rows([("add", "tea", 0), ("add", "tea", 5), ("pay", "", 9)]);
        let given = baskets.rows(&bought).unwrap();
        assert_eq!(given.column("basket"), ["2 tea"]);
        assert_eq!(given.column("became"), ["paid"]);
        assert_eq!(baskets.watermark(900 * SECOND).unwrap().rows(), 0);
    }

    #[test]
    fn each_item_moves_the_end() {
        let mut baskets = open();
        baskets.rows(&rows([("add", "tea", 0)])).unwrap();
        baskets.rows(&rows([("add", "rum", 50)])).unwrap();
        assert_eq!(baskets.watermark(109 * SECOND).unwrap().rows(), 0);
        let given = baskets.watermark(110 * SECOND).unwrap();
        assert_eq!(given.column("basket"), ["1 rum, 1 tea"]);
        assert_eq!(given.column("ts"), [110 * SECOND]);
    }

    #[test]
    fn what_comes_after_the_end_is_of_the_next_basket() {
        let both = rows([("add", "tea", 0), ("add", "rum", 60), ("pay", "", 61)]);
        let given = open().rows(&both).unwrap();
        assert_eq!(given.column("basket"), ["1 tea", "1 rum"]);
        assert_eq!(given.column("became"), ["abandoned", "paid"]);
    }

    #[test]
    fn what_makes_no_sense_is_rejected() {
        let given = open().rows(&rows([("steal", "tea", 0)])).unwrap();
        let reason = "`what` is add, with an item, or pay".to_owned();
        assert_eq!(given.rejected, [(0, reason)]);
    }
}
