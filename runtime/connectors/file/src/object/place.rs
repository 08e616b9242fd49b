//! Where a sink writes, and what is called how there.

use azud_object::Bucket;

use crate::list;

/// The hidden folder, which no reader lists.
pub(super) const HIDDEN: &str = "_azud";

/// Markers of uploads.
pub(super) const UPLOADS: &str = "_azud/uploads";

/// A part but the last: S3 takes none smaller than 5 MiB, and at most 10,000.
const PART_BYTES: usize = 8 << 20;

/// A bucket, or a prefix in it, that one sink writes to.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) bucket: Bucket,
    /// `json`, `csv`, `txt`.
    pub(super) extension: String,
    /// How large a part is.
    pub(super) part_bytes: usize,
}

// === impl Place ===

impl Place {
    pub(super) fn new(bucket: Bucket, format: &str) -> Self {
        Self {
            bucket,
            extension: list::extension(format).to_owned(),
            part_bytes: PART_BYTES,
        }
    }

    /// As people know it: `s3://bucket/prefix`.
    pub(super) fn given(&self) -> String {
        self.bucket.place("")
    }

    pub(super) fn part(&self, epoch: u64, lane: usize) -> String {
        list::part(epoch, lane, &self.extension)
    }

    /// The epoch of a part that a run could make, by its name.
    pub(super) fn epoch_of(&self, name: &str) -> Option<u64> {
        list::part_of(name, &self.extension).map(|(epoch, _)| epoch)
    }
}

/// An upload's marker: `start` is whose it is.
pub(super) fn marker(start: u64, lane: usize, number: u64) -> String {
    format!("{UPLOADS}/{start:020}-{lane}-{number}.json")
}

/// The start that a marker is of, by its name in the folder.
pub(super) fn start_of(marker: &str) -> Option<u64> {
    marker.split('-').next()?.parse().ok()
}
