//! SQL: a query over nodes becomes streaming steps.
//!
//! In flows the text of a query and the schemas of the nodes that it may read;
//! out flows a [`Query`]: [`Step`]s that make operators, which the engine
//! splices into its graph, or a [`SqlError`] that says what is wrong, where,
//! and what to write instead. The dialect and the meaning are Spark 4's in
//! ANSI mode.
//!
//! `syntax` parses, refuses and rewrites; DataFusion plans, types and
//! optimises (`plan`, with `catalog`, `hooks`, `functions` and `typing` where
//! Spark differs); `lower` makes the steps.

mod catalog;
mod deduplicate;
mod error;
mod expand;
mod functions;
mod hooks;
mod lower;
mod nearest;
mod plan;
mod query;
mod syntax;
mod typing;

pub use error::{Location, SqlError};
pub use functions::{UserFunction, UserFunctions};
pub use plan::{functions, plan, plan_with, tables};
pub use query::{Input, Late, MakeOperator, Query, Step, StepContext, Table, Tables, Times};
