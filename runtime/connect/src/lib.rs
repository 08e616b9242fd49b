//! What a connector owes the runtime, and what the runtime gives it.
//!
//! In: a [`SourceReader`] hands over [`Records`], the bytes of records of one
//! partition; a [`Decoder`] turns them into a batch of typed columns and the
//! records that do not fit. A source of bytes without borders cuts them with a
//! [`Framer`]. Out: an [`Encoder`] turns batches into bytes, a [`SinkWriter`]
//! takes them and prepares them at the end of an epoch, and the [`Sink`] makes
//! them visible once the epoch is recorded.
//!
//! A connector contains no retry loop and no batching: an error of kind
//! `Unavailable` is tried again by the runtime, with [`Backoff`].

pub mod conformance;

mod backoff;
mod connector;
mod disk;
mod fault;
mod format;
mod framing;
mod group;
mod identity;
mod journal;
mod journaled;
mod lag;
mod open_partitions;
mod options;
mod records;
mod recovery;
mod sink;
mod source;

pub use backoff::Backoff;
pub use connector::{Connector, MakeSink, MakeSource, OptionsSchema, SinkContext, SourceContext};
pub use disk::{Disk, DiskFile, Entry, Fails, LocalDisk, SimulatedDisk, write_new, write_whole};
pub use fault::fault_point;
pub use format::{
    AvroReading, AvroSchema, DateTime, Decoded, Decoder, Encoder, Format, FormatOptions,
    PythonRows, Shortest, ShortestFloat, Wire, WriterSchemas, avro_encoder, decoder, encoder,
    row_json, typed_decoder, whole_row_json,
};
pub use framing::{
    CHUNK_BYTES, CHUNK_RECORDS, Chunk, DEFAULT_MAX_RECORD, Framer, Framing, LARGEST_MAX_RECORD,
    check_max_line,
};
pub use group::Group;
pub use identity::identity;
pub use journal::{Cursor, Journal, JournalOptions, OnFull};
pub use journaled::Journaled;
pub use lag::Lag;
pub use open_partitions::{OpenList, OpenPartitions};
pub use options::{options, options_schema};
pub use records::{BadRecord, Payload, Records};
pub use recovery::{Delivery, Recorded, Recovery, Replay};
pub use sink::{Output, Prepared, ReadBack, RecordColumns, Sink, SinkWriter, VALUE, Wants};
pub use source::{Read, Source, SourceReader};
