//! A lane's writer: what has the size of a part is uploaded, the rest at the end of the epoch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use azud_connect::{Output, Prepared, SinkWriter};
use azud_model::{Epoch, Error, Result};
use bytes::{Bytes, BytesMut};

use super::place::{self, Place};
use super::token::Finished;
use super::upload::{Marker, Upload};

/// What this start has begun to upload and not committed, by the names of markers.
#[derive(Clone, Debug, Default)]
pub(super) struct Begun(Arc<Mutex<BTreeMap<String, Marker>>>);

pub(super) struct Writer {
    lane: usize,
    place: Place,
    /// Whose markers are.
    start: u64,
    header: Vec<u8>,
    begun: Begun,
    /// The epoch that rows belong to: an upload is named by it before it has ended.
    epoch: u64,
    /// How many uploads there were.
    uploads: u64,
    /// At most a part, and what one call brings.
    waiting: BytesMut,
    /// A part that is on its way: another attempt sends it again.
    ready: Option<Bytes>,
    upload: Option<Upload>,
    rows: u64,
    bytes: u64,
}

// === impl Begun ===

impl Begun {
    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Marker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Writer ===

impl Writer {
    pub(super) fn new(
        lane: usize,
        place: Place,
        start: u64,
        epoch: u64,
        header: Vec<u8>,
        begun: Begun,
    ) -> Self {
        Self {
            lane,
            place,
            start,
            header,
            begun,
            epoch,
            uploads: 0,
            waiting: BytesMut::new(),
            ready: None,
            upload: None,
            rows: 0,
            bytes: 0,
        }
    }

    /// Uploads the next `bytes` of what waits, all of them or none.
    async fn send(&mut self, bytes: usize) -> Result<()> {
        if self.ready.is_none() {
            self.ready = Some(self.waiting.split_to(bytes).freeze());
        }
        if self.upload.is_none() {
            let name = self.place.part(self.epoch, self.lane);
            let marker = place::marker(self.start, self.lane, self.uploads);
            let upload = Upload::begin(&self.place, &name, marker).await?;
            let begun = (upload.marker.clone(), upload.of.clone());
            self.begun.lock().extend([begun]);
            self.uploads += 1;
            self.upload = Some(upload);
        }
        if let (Some(upload), Some(part)) = (&mut self.upload, &self.ready) {
            upload.add(&self.place, part.clone()).await?;
        }
        self.ready = None;
        Ok(())
    }

    /// Uploads whole parts as long as `more` than one waits; then it takes more rows.
    async fn send_parts(&mut self, more: usize) -> Result<()> {
        let part = self.place.part_bytes;
        while self.ready.is_some() || self.waiting.len() >= part + more {
            self.send(part).await?;
        }
        Ok(())
    }

    /// The upload has all its parts.
    async fn finish(&mut self) -> Result<Vec<u8>> {
        // The last part has at least a byte.
        self.send_parts(1).await?;
        if !self.waiting.is_empty() {
            self.send(self.waiting.len()).await?;
        }
        let Some(upload) = self.upload.as_ref() else {
            return Ok(Vec::new());
        };
        let finished = Finished {
            name: upload.of.name.clone(),
            upload: upload.of.upload.clone(),
            parts: upload.parts.clone(),
            marker: upload.marker.clone(),
            rows: self.rows,
            bytes: self.bytes,
        };
        finished.token()
    }
}

#[async_trait]
impl SinkWriter for Writer {
    async fn write(&mut self, output: Output) -> Result<()> {
        let Output::Encoded { rows, bytes } = output else {
            return Err(Error::internal("file: it takes bytes, and got rows"));
        };
        if rows == 0 {
            return Ok(());
        }
        // Before anything is taken: who fails is given the same rows again.
        self.send_parts(0).await?;
        if self.bytes == 0 {
            self.waiting.extend_from_slice(&self.header);
            self.bytes = self.header.len() as u64;
        }
        self.waiting.extend_from_slice(&bytes);
        self.bytes += bytes.len() as u64;
        self.rows += rows as u64;
        Ok(())
    }

    async fn prepare(&mut self, epoch: &Epoch) -> Result<Prepared> {
        if epoch.number != self.epoch {
            if self.upload.is_some() {
                return Err(Error::internal(format!(
                    "file: epoch {} ends, and rows were uploaded for epoch {}",
                    epoch.number, self.epoch
                )));
            }
            self.epoch = epoch.number;
        }
        let token = self.finish().await?;
        self.upload = None;
        self.epoch += 1;
        self.bytes = 0;
        Ok(Prepared {
            lane: self.lane,
            rows: std::mem::take(&mut self.rows),
            token,
        })
    }
}
