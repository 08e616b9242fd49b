//! Runs a plugin natively, on values, for its own `cargo test`.
//!
//! ```
//! # use azud_plugin::{Batch, NoConfig, Output, Result, Setup, Transform, Utf8};
//! # struct Keep;
//! # impl Transform for Keep {
//! #     type Config = NoConfig;
//! #     fn open(_: NoConfig, setup: &mut Setup) -> Result<Self> {
//! #         setup.read::<Utf8>("user")?;
//! #         setup.carry_all();
//! #         Ok(Self)
//! #     }
//! #     fn row(&mut self, batch: &Batch, row: usize, out: &mut Output) -> Result<()> {
//! #         if batch.column::<Utf8>("user")?.get(row).is_some() { out.keep(row) }
//! #         Ok(())
//! #     }
//! # }
//! use azud_plugin::testing::{Table, run};
//!
//! let input = Table::new().column("user", Utf8, [Some("ana"), None, Some("bo")]);
//! let output = run::<Keep>("{}", &input)?;
//! assert_eq!(output.column("user"), ["ana", "bo"]);
//! assert_eq!(output.rows, [0, 2]);
//! # Ok::<(), azud_plugin::Error>(())
//! ```
//!
//! A sink is opened on the columns of a table, and then given batches:
//!
//! ```
//! # use azud_plugin::{Batch, Input, NoConfig, Outcome, Partial, Result, Sink, Utf8};
//! # struct Users(Vec<String>);
//! # impl Sink for Users {
//! #     type Config = NoConfig;
//! #     fn open(_: NoConfig, input: &Input) -> Result<Self> {
//! #         input.require::<Utf8>("user")?;
//! #         Ok(Self(Vec::new()))
//! #     }
//! #     fn write(&mut self, batch: &Batch) -> Result<Outcome> {
//! #         let mut partial = Partial::default();
//! #         for (row, user) in batch.column::<Utf8>("user")?.iter().enumerate() {
//! #             match user {
//! #                 Some(user) => self.0.push(user.to_owned()),
//! #                 None => partial.reject(row, "no user"),
//! #             }
//! #         }
//! #         Ok(partial.into())
//! #     }
//! # }
//! use azud_plugin::{Flushed, testing::open_sink};
//! # use azud_plugin::testing::Table;
//!
//! let rows = Table::new().column("user", Utf8, [Some("ana"), None, Some("bo")]);
//! let mut sink = open_sink::<Users>("{}", &rows)?;
//! let Outcome::Partial(partial) = sink.write(&rows)? else { panic!() };
//! assert_eq!(partial.rejected, [(1, "no user".to_owned())]);
//! assert_eq!(sink.write(&rows.pick(&[2]))?, Outcome::Accepted);
//! assert_eq!(sink.flush()?, Flushed::Done);
//! assert_eq!(sink.sink().0, ["ana", "bo", "bo"]);
//! # Ok::<(), azud_plugin::Error>(())
//! ```
//!
//! A plugin with state is given rows, and time:
//!
//! ```
//! # use azud_plugin::{Batch, Context, Emitter, Int64, Keyed, KeyedSetup, NoConfig, Result, Timer};
//! # use azud_plugin::{Timestamp, Utf8, Value};
//! /// How many rows a user has had, a second after the first.
//! struct Counts { count: Value<Int64>, out: Emitter<(Utf8, Int64)> }
//!
//! impl Keyed for Counts {
//!     type Config = NoConfig;
//!
//!     fn open(_: NoConfig, setup: &mut KeyedSetup) -> Result<Self> {
//!         setup.key::<Utf8>("user")?;
//!         setup.read::<Timestamp>("ts")?;
//!         setup.event_timers();
//!         Ok(Self {
//!             count: setup.value("count", &["count"])?,
//!             out: setup.output(&["user", "count"])?,
//!         })
//!     }
//!
//!     fn rows(&mut self, context: &mut Context<'_>, batch: &Batch, rows: &[usize]) -> Result<()> {
//!         let before = self.count.get(context);
//!         if before.is_none() {
//!             let first = batch.column::<Timestamp>("ts")?.get(rows[0]).unwrap_or(0);
//!             context.set_timer(Timer::Event(first + 1_000_000));
//!         }
//!         self.count.set(context, before.unwrap_or(0) + rows.len() as i64);
//!         Ok(())
//!     }
//!
//!     fn timer(&mut self, context: &mut Context<'_>, _: Timer) -> Result<()> {
//!         let user = context.key::<Utf8>("user")?.unwrap_or_default();
//!         self.out.push((user.to_owned(), self.count.get(context).unwrap_or(0)));
//!         self.count.clear(context);
//!         Ok(())
//!     }
//! }
//!
//! use azud_plugin::testing::{Table, open_keyed};
//!
//! let rows = Table::new()
//!     .column("user", Utf8, ["ana", "bo", "ana"])
//!     .column("ts", Timestamp, [0, 5_000_000, 10]);
//! let mut counts = open_keyed::<Counts>("{}", &["user"], &rows)?;
//! assert_eq!(counts.rows(&rows)?.rows(), 0);
//! let given = counts.watermark(2_000_000)?;
//! assert_eq!(given.column("user"), ["ana"]);
//! assert_eq!(given.column("count"), [2]);
//! # Ok::<(), azud_plugin::Error>(())
//! ```

mod aggregate;
mod build;
mod keyed;
mod migrate;
mod migrate_aggregate;
mod run;
mod sink;
mod table;
mod value;

pub use aggregate::{Reduced, reduce};
pub use keyed::{Given, OpenKeyed, open_keyed};
pub use migrate::open_migrating;
pub use migrate_aggregate::{Migrated, migrate_aggregate};
pub use run::{Ran, run};
pub use sink::{OpenSink, open_sink};
pub use table::Table;
pub use value::Value;
