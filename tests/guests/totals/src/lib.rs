//! A plugin with state in three versions, for tests: it counts and sums `id` by `n`, and keeps that
//! in other states in each version, which converts those of all before it.
//!
//! A test writes the version into the component, and how the migration of the key 7 fails:
//! `2`, `3 traps`.

use std::time::Duration;

use azud_plugin::{
    Batch, Context, Emitter, Error, Formers, Int64, Keyed, KeyedSetup, List, Map, Migrate,
    NoConfig, Nullable, Result, States, Timer, Utf8, Value,
};

#[used]
static VERSION: [u8; 64] = *b"azud-totals-version:1                                           ";

/// What a key is known by, version by version.
enum Known {
    /// The sum, and how many there were by their remainder of five.
    One(Value<Int64>, Map<Int64, Int64>),
    /// Sum and count.
    Two(Value<(Int64, Int64)>),
    /// Sum and count as a list of one row, and in which version the key was first seen.
    Three(List<(Int64, Int64, Int64)>),
}

struct Totals {
    version: i64,
    /// How its migration fails.
    fails: String,
    known: Known,
    out: Emitter<(Int64, Nullable<Int64>, Int64, Int64, Utf8)>,
}

azud_plugin::migrating_keyed!(Totals);

/// Timers that are due later than any test takes.
const LATE: i64 = 3_600_000_000;

/// Timers that are due while a test runs.
const SOON: i64 = 2_000_000;

impl Keyed for Totals {
    type Config = NoConfig;

    fn open(_: NoConfig, setup: &mut KeyedSetup) -> Result<Self> {
        // SAFETY: a test has written other bytes there, which the compiler does not know of.
        let version: Vec<u8> = (VERSION.iter())
            .map(|byte| unsafe { std::ptr::read_volatile(byte) })
            .collect();
        let version = String::from_utf8_lossy(&version);
        let (_, version) = version.split_once(':').unwrap_or_default();
        let (version, fails) = version.split_once(' ').unwrap_or((version, ""));
        let version = version.parse().map_err(|_| Error::new("no version"))?;
        setup.key::<Int64>("n")?;
        setup.read::<Int64>("id")?;
        // Rows are kept for longer than any test takes.
        let mut states = setup.ttl(Duration::from_secs(86_400));
        Ok(Self {
            known: Known::declare(version, &mut states)?,
            version,
            fails: fails.trim().to_owned(),
            out: setup.output(&["n", "id", "sum", "rows", "said"])?,
        })
    }

    fn rows(&mut self, context: &mut Context<'_>, batch: &Batch, rows: &[usize]) -> Result<()> {
        let ids = batch.column::<Int64>("id")?;
        for row in rows {
            let id = ids.get(*row).unwrap_or_default();
            let known = self.known.get(context);
            if known.is_none() {
                context.set_timer(Timer::Processing(context.now() + SOON));
                context.set_timer(Timer::Processing(context.now() + LATE));
            }
            let (sum, count, since) = known.unwrap_or((0, 0, self.version));
            self.known.add(context, id, (sum + id, count + 1, since));
            self.give(context, Some(id))?;
        }
        Ok(())
    }

    fn timer(&mut self, context: &mut Context<'_>, _: Timer) -> Result<()> {
        self.give(context, None)
    }
}

impl Migrate for Totals {
    type Former = Known;

    fn former(&self, formers: &mut Formers<Known>) -> Result<()> {
        if self.fails == "lies" {
            return formers
                .version(|states| states.value("total", &["sum", "other"]).map(Known::Two));
        }
        for version in 1..self.version {
            formers.version(|states| Known::declare(version, states))?;
        }
        Ok(())
    }

    fn migrate(&mut self, former: &Known, context: &mut Context<'_>) -> Result<()> {
        if context.key::<Int64>("n")? == Some(7) {
            self.fail(context)?;
        }
        if let Some(known) = former.get(context) {
            self.known.set(context, known);
        }
        for timer in context.timers()? {
            // From now on late ones are due at once.
            if timer.time() > context.now() + LATE / 2 {
                context.delete_timer(timer);
                context.set_timer(Timer::Processing(context.now()));
            }
        }
        Ok(())
    }
}

impl Totals {
    /// Gives what is known; where a timer is due, without an id.
    fn give(&self, context: &Context<'_>, id: Option<i64>) -> Result<()> {
        let n = context.key::<Int64>("n")?.unwrap_or_default();
        let (sum, count, since) = self.known.get(context).unwrap_or_default();
        let said = match &self.known {
            Known::Three(_) => format!("v{} since v{since}", self.version),
            _ => format!("v{}", self.version),
        };
        self.out.push((n, id, sum, count, said));
        Ok(())
    }

    fn fail(&self, context: &Context<'_>) -> Result<()> {
        match self.fails.as_str() {
            "traps" => panic!("in the migration"),
            "fails" => return Err(Error::new("not this key\u{1b}[2J")),
            "loops" => loop {
                std::hint::black_box(());
            },
            "gives" => self.give(context, None)?,
            "eats" => drop(std::hint::black_box(vec![1_u8; 1 << 30])),
            _ => {}
        }
        Ok(())
    }
}

impl Known {
    fn declare(version: i64, states: &mut States<'_>) -> Result<Self> {
        Ok(match version {
            1 => Self::One(
                states.value("total", &["sum"])?,
                states.map("seen", &["remainder", "count"])?,
            ),
            2 => Self::Two(states.value("total", &["sum", "rows"])?),
            _ => Self::Three(states.list("totals", &["sum", "rows", "since"])?),
        })
    }

    /// Sum, count, and the version since when; that is known by the third only.
    fn get(&self, context: &Context<'_>) -> Option<(i64, i64, i64)> {
        match self {
            Self::One(sum, seen) => {
                let counts = seen.entries(context).into_iter();
                Some((sum.get(context)?, counts.map(|(_, count)| count).sum(), 1))
            }
            Self::Two(known) => known.get(context).map(|(sum, count)| (sum, count, 2)),
            Self::Three(known) => known.get(context).pop(),
        }
    }

    /// Keeps a row more.
    fn add(&self, context: &Context<'_>, id: i64, known: (i64, i64, i64)) {
        match self {
            Self::One(sum, seen) => {
                sum.set(context, known.0);
                let remainder = id.rem_euclid(5);
                let count = seen.get(context, &remainder).unwrap_or_default();
                seen.set(context, remainder, count + 1);
            }
            Self::Two(_) | Self::Three(_) => self.set(context, known),
        }
    }

    fn set(&self, context: &Context<'_>, known: (i64, i64, i64)) {
        match self {
            Self::One(..) => {}
            Self::Two(of_key) => of_key.set(context, (known.0, known.1)),
            Self::Three(of_key) => of_key.set(context, vec![known]),
        }
    }
}
