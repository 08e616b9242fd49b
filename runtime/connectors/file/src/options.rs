//! What a manifest says about files.

use azud_connect::DEFAULT_MAX_RECORD;
use azud_model::{ByteSize, Duration};
use schemars::JsonSchema;
use serde::Deserialize;

/// Reads files: those that are there, and unless the trigger is `once` those that come later.
/// Names that start with `.` or `_` or end with `.tmp` are ignored; gzip and zstd are recognised.
/// A file is read once: what is appended to it later is not read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSourceOptions {
    /// A file, a folder (its files, not those of folders in it) or a glob: `in/*.json`.
    #[schemars(length(min = 1))]
    pub path: String,
    /// At most so many new files an epoch.
    #[schemars(range(min = 1))]
    pub max_files: Option<u64>,
    /// At most so many records an epoch.
    #[schemars(range(min = 1))]
    pub max_rows: Option<u64>,
    /// An epoch's share ends with the records that reach so many bytes.
    pub max_bytes: Option<ByteSize>,
    /// A file is read when its size and time have not changed for so long; default: 1s, with trigger `once` 0s.
    /// Trigger `once` waits for the files that are there at the start.
    pub settle: Option<Duration>,
    /// How often to look for new files, more than 0ms; default: 500ms.
    pub poll: Option<Duration>,
    /// A longer line is rejected, and not held in memory; default: 16MiB.
    pub max_line: Option<ByteSize>,
}

/// Writes files that become visible when their epoch is committed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSinkOptions {
    /// The folder, or for `layout: batches` what the folders' names start with; or a bucket: `s3://bucket/prefix`.
    #[schemars(length(min = 1))]
    pub path: String,
    /// How rows are laid out; default: table for json and csv, batches for everything else.
    pub layout: Option<Layout>,
    /// When a rolling file is complete; only with `layout: rolling`.
    pub roll: Option<Roll>,
}

/// How rows are laid out in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// A folder an epoch, `<path>-<time in ms>/part-00000`, and `_SUCCESS`: as Spark's `saveAsTextFiles`.
    Batches,
    /// Files that collect the rows of several epochs and become visible when they are complete.
    Rolling,
    /// A file an epoch and lane; mode complete replaces what was there before.
    Table,
}

/// When a rolling file is complete: at the end of the epoch that reaches one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Roll {
    /// Its size; default: 128MiB.
    pub size: ByteSize,
    /// The time since its first row; default: 1m.
    pub every: Duration,
}

// === impl Roll ===

impl Default for Roll {
    fn default() -> Self {
        Self {
            size: ByteSize::from_mib(128),
            every: Duration::from_secs(60),
        }
    }
}

// === impl FileSourceOptions ===

impl FileSourceOptions {
    pub(crate) fn max_line(&self) -> ByteSize {
        self.max_line.unwrap_or(DEFAULT_MAX_RECORD)
    }
}
