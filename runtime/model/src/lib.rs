//! The vocabulary that every other crate shares: batches, types, positions,
//! epochs, rejected rows, errors and the clock.
//!
//! Nothing here does I/O, starts a thread or knows an async runtime. What
//! flows through a pipeline is a [`Batch`]: Arrow columns that SQL and plugins
//! see, and the [`Origin`] of the rows, which rides along unseen.

mod batch;
mod byte_size;
mod clock;
mod column_type;
mod column_type_parser;
mod duration;
mod epoch;
mod error;
mod key_group;
mod mode;
mod position;
mod rejected;
mod timestamp;
mod watermark;

pub use batch::{Batch, unite};
pub use byte_size::{ByteSize, ByteSizeError};
pub use clock::{Clock, ManualClock, SystemClock};
pub use column_type::{Column, ColumnType, TimestampUnit};
pub use column_type_parser::ColumnTypeError;
pub use duration::{Duration, DurationError};
pub use epoch::Epoch;
pub use error::{Error, ErrorKind, Result};
pub use key_group::{KEY_GROUP, KEY_GROUPS, ORDER, REMOVED, key_bytes, key_groups};
pub use mode::Mode;
pub use position::{Origin, Partition, Position};
pub use rejected::{Rejected, RejectedBatch, rejected_schema};
pub use timestamp::{iso_micros, iso_timestamp};
pub use watermark::Watermark;
