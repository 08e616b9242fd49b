//! What is in a segment: a header, then frames. One frame is what one sync made durable.

use azud_model::{Error, Result};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The version of the format that is written, and the newest that is read.
pub(super) const VERSION: u32 = 1;

const MAGIC: &[u8; 8] = b"AZUDJNL\n";

/// The length of a segment's header.
pub(super) const SEGMENT_HEADER: usize = 40;

/// The length of a frame's header.
pub(super) const FRAME_HEADER: usize = 24;

/// The largest body of a frame.
pub(super) const MAX_BODY: usize = i32::MAX as usize;

/// The start of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// The journal's random id: all its segments have the same.
    pub(super) id: u64,
    /// The sequence number of its first record.
    pub(super) first: u64,
}

/// The start of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    checksum: u64,
    /// The length of its body.
    pub(super) length: usize,
    /// How many records it holds.
    pub(super) count: u32,
    /// The sequence number of the first of them.
    pub(super) sequence: u64,
}

/// What is at a place of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A whole frame.
    Frame(FrameHeader),
    /// The start of a frame that has so many bytes, if it is one.
    Short(usize),
    /// No frame.
    Wrong,
}

// === impl SegmentHeader ===

impl SegmentHeader {
    pub(super) fn encode(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SEGMENT_HEADER);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&0_u32.to_le_bytes());
        bytes.extend_from_slice(&self.id.to_le_bytes());
        bytes.extend_from_slice(&self.first.to_le_bytes());
        bytes.extend_from_slice(&xxh3_64(&bytes).to_le_bytes());
        bytes
    }

    /// Reads a header; the error says what is wrong with it.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let Some((start, rest)) = bytes.split_first_chunk::<8>() else {
            return Err("its header is cut off".into());
        };
        if start != MAGIC {
            return Err("it does not start as a journal does".into());
        }
        // Before the checksum, whose place a newer version may have changed.
        let mut rest = rest;
        let version = take_u32(&mut rest).ok_or("its header is cut off")?;
        if version > VERSION {
            return Err(format!(
                "it is of version {version}, and this azud reads up to {VERSION}: run the one that wrote it"
            ));
        }
        let fields = take_u32(&mut rest)
            .zip(take_u64(&mut rest))
            .zip(take_u64(&mut rest))
            .zip(take_u64(&mut rest));
        let Some((((_, id), first), checksum)) = fields else {
            return Err("its header is cut off".into());
        };
        let summed = bytes.get(..SEGMENT_HEADER - 8).unwrap_or_default();
        match version == VERSION && xxh3_64(summed) == checksum {
            true => Ok(Self { id, first }),
            false => Err("its header is damaged".into()),
        }
    }
}

// === impl FrameHeader ===

impl FrameHeader {
    /// The length of the frame.
    pub(super) fn bytes(&self) -> usize {
        FRAME_HEADER + self.length
    }

    /// The sequence number after its last record.
    pub(super) fn next(&self) -> u64 {
        self.sequence.saturating_add(u64::from(self.count))
    }

    /// The start of some bytes as a header, whatever they are.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        Some(Self {
            checksum: take_u64(&mut rest)?,
            length: take_u32(&mut rest)? as usize,
            count: take_u32(&mut rest)?,
            sequence: take_u64(&mut rest)?,
        })
    }
}

/// Starts a frame: its body follows, then [`finish`].
pub(super) fn start(frame: &mut Vec<u8>) {
    frame.clear();
    frame.resize(FRAME_HEADER, 0);
}

/// Writes the header of a frame whose body is there.
///
/// # Errors
/// `Internal` if it is too large.
pub(super) fn finish(frame: &mut [u8], id: u64, sequence: u64, count: u32) -> Result<()> {
    let length = frame.len().saturating_sub(FRAME_HEADER);
    let too_large = || Error::internal(format!("a journal's frame of {length} bytes is too large"));
    if length > MAX_BODY {
        return Err(too_large());
    }
    let length = u32::try_from(length).map_err(|_| too_large())?;
    let (checksum, summed) = frame.split_first_chunk_mut::<8>().ok_or_else(too_large)?;
    let fields = length.to_le_bytes().into_iter();
    let fields = fields
        .chain(count.to_le_bytes())
        .chain(sequence.to_le_bytes());
    for (place, byte) in summed.iter_mut().zip(fields) {
        *place = byte;
    }
    // The id is unknown to whoever sends records: what they hold is never taken for a frame.
    *checksum = xxh3_64_with_seed(summed, id).to_le_bytes();
    Ok(())
}

/// What some bytes of a segment start with.
pub(super) fn look(bytes: &[u8], id: u64) -> Found {
    let Some(header) = FrameHeader::parse(bytes) else {
        return Found::Short(FRAME_HEADER);
    };
    if header.length > MAX_BODY || header.count == 0 {
        return Found::Wrong;
    }
    match bytes.get(8..header.bytes()) {
        None => Found::Short(header.bytes()),
        Some(summed) if xxh3_64_with_seed(summed, id) == header.checksum => Found::Frame(header),
        Some(_) => Found::Wrong,
    }
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    let (start, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*start))
}

fn take_u64(bytes: &mut &[u8]) -> Option<u64> {
    let (start, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*start))
}
