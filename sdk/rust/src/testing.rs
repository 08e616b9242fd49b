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

mod run;
mod table;
mod value;

pub use run::{Ran, run};
pub use table::Table;
pub use value::Value;
