//! Reading a source whole.

use azud_connect::{Decoder, FormatOptions, Read, Records, Source, decoder, typed_decoder};
use azud_model::{Batch, Error, Result};

/// Batches are put together up to so many rows: fewer, and what is looked up is moved once less.
const ROWS: usize = 1 << 16;

/// Most of a record that an error shows.
const SHOWN_BYTES: usize = 200;

/// What a source has.
#[derive(Default)]
pub(super) struct Whole {
    pub(super) batches: Vec<Batch>,
    pub(super) count: usize,
    /// Records that could not be decoded, and what is wrong with the first.
    pub(super) dropped: usize,
    pub(super) bad: Option<Error>,
    /// Of one partition, not yet put together.
    pieces: Vec<Batch>,
}

/// Reads a source from its beginning to its end.
///
/// # Errors
/// Those of the source.
pub(super) async fn read(source: &dyn Source, format: Option<&FormatOptions>) -> Result<Whole> {
    let mut decoder = match (format, source.schema()) {
        (Some(format), _) => decoder(format)?,
        (None, Some(schema)) => typed_decoder(schema),
        (None, None) => return Err(Error::internal("its records have no format")),
    };
    let mut whole = Whole::default();
    for mut reader in source.open(&[]).await? {
        reader.start_epoch();
        loop {
            match reader.next().await? {
                Read::Records(records) => whole.add(&mut *decoder, &records)?,
                // An epoch's share is not a table's.
                Read::EpochFull => reader.start_epoch(),
                Read::End => break,
            }
        }
    }
    whole.put_together()?;
    Ok(whole)
}

// === impl Whole ===

impl Whole {
    fn add(&mut self, decoder: &mut dyn Decoder, records: &Records) -> Result<()> {
        let decoded = decoder.decode(records)?;
        self.dropped += decoded.bad.len();
        if let (Some(bad), None) = (decoded.bad.first(), &self.bad) {
            let value = records.payload.record(bad.index);
            let shown = String::from_utf8_lossy(value.get(..SHOWN_BYTES).unwrap_or(value));
            let more = if value.len() > SHOWN_BYTES { "..." } else { "" };
            // Not `Data`: no node rejects it.
            self.bad = Some(Error::invalid(format!(
                "{}, position {}: {}; the row: {}{more}; to go on without such rows, write \
                 `on_error: drop` on the node",
                records.partition.name,
                records.position(bad.index),
                bad.reason,
                azud_sandbox::escaped(&shown),
            )));
        }
        if decoded.batch.rows() == 0 {
            return Ok(());
        }
        self.count += decoded.batch.rows();
        let of = |batch: &Batch| batch.origin().map(|origin| origin.partition.clone());
        let rows: usize = self.pieces.iter().map(Batch::rows).sum();
        let is_other = self.pieces.first().map(of) != Some(of(&decoded.batch));
        if rows >= ROWS || is_other {
            self.put_together()?;
        }
        self.pieces.push(decoded.batch);
        Ok(())
    }

    fn put_together(&mut self) -> Result<()> {
        let pieces = std::mem::take(&mut self.pieces);
        self.batches.extend(Batch::concat(&pieces)?);
        Ok(())
    }
}
