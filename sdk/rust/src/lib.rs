//! Write Azud plugins in Rust.
//!
//! A plugin is an ordinary crate (`crate-type = ["cdylib", "lib"]`) with one
//! type that implements [`Transform`], [`Keyed`], [`Aggregate`] or [`Sink`] and one line that
//! exports it ([`transform!`], [`keyed!`], [`aggregate!`], [`sink!`]; [`transactional_sink!`] for a sink that shows each row
//! exactly once, see [`TransactionalSink`]; [`migrating_keyed!`] and [`migrating_aggregate!`] for one that converts states of earlier versions, see [`Migrate`] and [`MigrateAggregate`]). Its logic runs natively under `cargo test` (see
//! [`testing`]); Azud builds the WebAssembly component.
//!
//! ```
//! use azud_plugin::{Batch, Builder, Int64, NoConfig, Output, Result, Setup, Transform};
//!
//! struct Doubler;
//!
//! impl Transform for Doubler {
//!     type Config = NoConfig;
//!
//!     fn open(_: NoConfig, setup: &mut Setup) -> Result<Self> {
//!         setup.read::<Int64>("amount")?;
//!         setup.carry_all();
//!         setup.compute("doubled", Int64);
//!         Ok(Self)
//!     }
//!
//!     fn process(&mut self, batch: &Batch, out: &mut Output) -> Result<()> {
//!         let mut doubled = Builder::<Int64>::new();
//!         for (row, amount) in batch.column::<Int64>("amount")?.iter().enumerate() {
//!             let Some(amount) = amount.filter(|amount| *amount > 50) else { continue };
//!             match amount.checked_mul(2) {
//!                 Some(double) => {
//!                     out.keep(row);
//!                     doubled.push(double);
//!                 }
//!                 None => out.reject(row, "twice the amount is out of range"),
//!             }
//!         }
//!         out.set("doubled", doubled)
//!     }
//! }
//!
//! azud_plugin::transform!(Doubler);
//! ```
//!
//! The way of a batch: the host lowers the buffers of the columns that were
//! read into the guest's memory, [`Batch`] gives typed [`Column`] views of them
//! without a copy, [`Builder`]s make new buffers, and [`Output`] hands them back
//! with the number of the input row that each output row comes from. Columns
//! that are carried never enter the guest. A sink is given all columns, and answers
//! with an [`Outcome`]. An aggregate is given rows and states of groups, and answers with states.
//! A [`Keyed`] is given rows, states and timers of keys, and answers with rows, and with what of
//! these has changed.

mod aggregate;
mod batch;
mod bits;
mod builder;
mod column;
mod columns;
mod config;
mod error;
mod input;
mod instance;
mod json;
mod keyed;
pub mod log;
mod members;
mod outcome;
mod output;
mod schema;
mod setup;
mod signature;
mod sink;
pub mod testing;
mod transactional;
mod transform;
mod types;

#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod guest;

pub use aggregate::{Aggregate, AggregateFormers, FormerState, MigrateAggregate};
pub use batch::{Batch, Key};
pub use builder::Builder;
pub use column::{Column, Iter};
pub use columns::Columns;
pub use error::{Error, Result};
pub use input::Input;
pub use json::{JsonLines, JsonRows};
pub use keyed::{
    Cell, Context, Emitter, Formers, Item, Keyed, KeyedSetup, List, Map, Migrate, Nullable, Record,
    States, Timer, Value,
};
pub use members::Members;
pub use outcome::{Flushed, Outcome, Partial};
pub use output::Output;
pub use schema::Field;
pub use setup::{Computed, Setup};
pub use signature::Signature;
pub use sink::Sink;
pub use transactional::{Identity, TransactionalSink};
pub use transform::{NoConfig, Transform};
pub use types::{
    Binary, Bool, Bytes, Date, Decimal, Duration, FixedBinary, Float32, Float64, Int8, Int16,
    Int32, Int64, Time, Timestamp, Type, UInt8, UInt16, UInt32, UInt64, Utf8,
};

/// The examples of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
