//! What a pipeline keeps outside of its process: the record of every epoch, and the state
//! that its operators had then.
//!
//! In: what an epoch changed, and what its sinks prepared. Out: after a crash, the last
//! epoch that happened, and the rows of state that belong to it.
//!
//! A [`Storage`] is where that is: a local folder, or an object store. Everything is
//! written as a whole or not at all, never changed, and removed when no record that
//! is kept names it. `docs/checkpoint.md` describes the files for other programs.

mod checkpoint;
mod claim;
mod compact;
mod components;
mod files;
mod identity;
mod location;
mod log;
mod owner;
mod positions;
mod record;
mod replays;
mod rows;
mod sealed;
mod storage;
mod view;

pub use azud_object::BucketUrl;
pub use checkpoint::{Before, Checkpoint, Opened, is_committed};
pub use compact::{compact, without_forgotten};
pub use components::component;
pub use files::{StateFile, due};
pub use location::Location;
pub use log::{EpochLog, Found};
pub use positions::{Positions, whole};
pub use record::{
    PartitionRecord, PartitionTime, PreparedRecord, Record, Replayed, Shape, SinkRecord,
    SourceRecord, StateRecord, TimeRecord, Unreadable,
};
pub use replays::{
    KeptReplay, KeptReplays, Refused, ReplayRow, finish_replay, keep_refused, keep_replay,
    kept_replays,
};
pub use rows::{decode, encode, of_lane};
pub use storage::{Listed, LocalStorage, ObjectStorage, Storage};
pub use view::View;
