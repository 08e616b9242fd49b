//! A plugin with state for tests: it keeps something of each kind of `k`, sets timers that set
//! others, and fails in every way that a row or a timer can cause.
//!
//! | `x` | |
//! |---|---|
//! | -1 | the row traps |
//! | -2 | the row is an error |
//! | -3 | the row loops |
//! | -4 | the row is rejected |
//! | -5 | the next timer of the key traps |
//! | -6 | the next timer of the key is an error |

use azud_plugin::{
    Batch, Context, Emitter, Error, Int64, Keyed, KeyedSetup, List, Map, Result, Timer, Timestamp,
    Utf8, Value,
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Timers of processing time instead: at the end of each epoch, as long as there are rows.
    #[serde(default)]
    each_epoch: bool,
    /// Timers of processing time instead: so many milliseconds after each row.
    #[serde(default)]
    after_ms: Option<i64>,
    /// Milliseconds for which `last` is kept.
    #[serde(default)]
    ttl: Option<u64>,
    /// Says that `at` is the event time of the output.
    #[serde(default)]
    event_time: bool,
    /// A column more in a state: another version of this plugin.
    #[serde(default)]
    extra: bool,
}

struct Visits {
    /// Microseconds of processing time after a row; `None`: timers are of event time.
    after: Option<i64>,
    /// Rows and their sum.
    sum: Value<(Int64, Int64)>,
    /// The last three.
    last: List<Int64>,
    /// How many there are by their remainder of five.
    seen: Map<Int64, Int64>,
    /// How the next timer fails.
    fails: Value<Int64>,
    out: Emitter<(Utf8, Timestamp, Int64, Int64, Utf8, Utf8)>,
}

azud_plugin::keyed!(Visits);

/// Microseconds.
const BUCKET: i64 = 3_000_000;

impl Keyed for Visits {
    type Config = Config;

    fn open(config: Config, setup: &mut KeyedSetup) -> Result<Self> {
        setup.key::<Utf8>("k")?;
        setup.read::<Int64>("x")?;
        setup.read::<Timestamp>("ts")?;
        let after = config.after_ms.map(|after| after * 1_000);
        let after = after.or(config.each_epoch.then_some(0));
        if after.is_none() {
            setup.event_timers();
        }
        if config.extra {
            setup.value::<Int64>("extra", &["extra"])?;
        }
        let last = match config.ttl {
            Some(ttl) => {
                let mut kept = setup.ttl(std::time::Duration::from_millis(ttl));
                kept.list("last", &["x"])?
            }
            None => setup.list("last", &["x"])?,
        };
        let out = setup.output(&["k", "at", "rows", "sum", "last", "seen"])?;
        if config.event_time {
            setup.event_time("at")?;
        }
        Ok(Self {
            after,
            sum: setup.value("sum", &["rows", "sum"])?,
            last,
            seen: setup.map("seen", &["remainder", "count"])?,
            fails: setup.value("fails", &["how"])?,
            out,
        })
    }

    fn rows(&mut self, context: &mut Context<'_>, batch: &Batch, rows: &[usize]) -> Result<()> {
        let (x, ts) = (
            batch.column::<Int64>("x")?,
            batch.column::<Timestamp>("ts")?,
        );
        for row in rows {
            let (x, ts) = (x.get(*row).unwrap_or(0), ts.get(*row).unwrap_or(0));
            match x {
                -1 => panic!("x is -1"),
                -2 => return Err(Error::new("x is -2")),
                -3 => loop {
                    std::hint::black_box(());
                },
                -4 => {
                    context.reject(*row, "x is -4");
                    continue;
                }
                -5 | -6 => self.fails.set(context, x),
                _ => {}
            }
            let (count, sum) = self.sum.get(context).unwrap_or((0, 0));
            self.sum.set(context, (count + 1, sum + x));
            let mut last = self.last.get(context);
            match last.len() {
                3 => {
                    last.remove(0);
                    last.push(x);
                    self.last.set(context, last);
                }
                _ => self.last.push(context, x),
            }
            let remainder = x.rem_euclid(5);
            let seen = self.seen.get(context, &remainder).unwrap_or(0);
            self.seen.set(context, remainder, seen + 1);
            context.set_timer(match self.after {
                Some(after) => Timer::Processing(context.now() + after),
                None => Timer::Event((ts.div_euclid(BUCKET) + 1) * BUCKET),
            });
        }
        Ok(())
    }

    fn timer(&mut self, context: &mut Context<'_>, timer: Timer) -> Result<()> {
        match self.fails.get(context) {
            Some(-5) => panic!("a timer after x was -5"),
            Some(-6) => {
                return Err(Error::new("a timer after x was -6"));
            }
            _ => {}
        }
        let (rows, sum) = self.sum.get(context).unwrap_or((0, 0));
        let last = self.last.get(context);
        let last: Vec<String> = last.iter().map(i64::to_string).collect();
        let seen = self.seen.entries(context).into_iter();
        let seen: Vec<String> = seen.map(|(x, count)| format!("{x}:{count}")).collect();
        let k = context.key::<Utf8>("k")?.unwrap_or("null");
        let row = (
            k.to_owned(),
            timer.time(),
            rows,
            sum,
            last.join(" "),
            seen.join(" "),
        );
        self.out.push(row);
        self.last.clear(context);
        if sum % 2 == 0 {
            self.seen.remove(context, &0);
        }
        if sum % 11 == 0 {
            self.seen.clear(context);
            self.sum.clear(context);
        }
        // Another one, later: of event time until there is no more, of processing time once.
        match timer {
            Timer::Event(time) if rows % 4 == 1 && context.watermark() != i64::MAX => {
                context.set_timer(Timer::Event(time + 2 * BUCKET));
            }
            _ => {}
        }
        Ok(())
    }
}
