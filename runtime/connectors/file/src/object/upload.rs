//! One object on its way: parts that are uploaded, and a marker by which they are found.

use azud_connect::fault_point;
use azud_model::{Error, Result};
use azud_object::{Condition, LARGEST_UPLOAD_PARTS};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::place::Place;

/// A marker: what is needed to give an upload up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marker {
    /// The object that it would become.
    pub(super) name: String,
    pub(super) upload: String,
}

/// An upload that has begun.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) of: Marker,
    /// The marker's name.
    pub(super) marker: String,
    is_marked: bool,
    pub(super) parts: Vec<String>,
}

// === impl Marker ===

impl Marker {
    /// `None` where there is none any more.
    pub(super) async fn read(place: &Place, name: &str) -> Result<Option<Self>> {
        let Some((bytes, _)) = place.bucket.get(name).await? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            Error::invalid(format!(
                "`{}` names no upload: remove it",
                place.bucket.place(name)
            ))
            .because(error)
        })
    }

    /// Gives the upload up; the marker, whose name is given, goes last.
    pub(super) async fn give_up(&self, place: &Place, name: &str) -> Result<()> {
        place
            .bucket
            .give_up_upload(&self.name, &self.upload)
            .await?;
        fault_point("after-give-up");
        place.bucket.delete(name).await
    }
}

// === impl Upload ===

impl Upload {
    pub(super) async fn begin(place: &Place, name: &str, marker: String) -> Result<Self> {
        let upload = place.bucket.begin_upload(name).await?;
        fault_point("after-upload-begin");
        Ok(Self {
            of: Marker {
                name: name.to_owned(),
                upload,
            },
            marker,
            is_marked: false,
            parts: Vec::new(),
        })
    }

    /// Uploads the next part. Where it fails, the same part can be tried again.
    pub(super) async fn add(&mut self, place: &Place, bytes: Bytes) -> Result<()> {
        let (name, upload) = (&self.of.name, &self.of.upload);
        if self.parts.len() >= LARGEST_UPLOAD_PARTS {
            return Err(Error::invalid(format!(
                "`{}` has {LARGEST_UPLOAD_PARTS} parts, and a store takes no more: end epochs \
                 more often, or write with more lanes",
                place.bucket.place(name)
            )));
        }
        if !self.is_marked {
            let marker = serde_json::to_vec(&self.of)
                .map_err(|error| Error::internal("file: a marker").because(error))?;
            let put = place
                .bucket
                .put(&self.marker, marker.into(), Condition::Always);
            put.await?;
            self.is_marked = true;
            fault_point("after-marker");
        }
        let number = self.parts.len();
        let part = place
            .bucket
            .upload_part(name, upload, number, bytes)
            .await?;
        let part = part.ok_or_else(|| {
            Error::invalid(format!(
                "the upload of `{}` is gone: another run has taken over `{}`, or somebody has \
                 removed it",
                place.bucket.place(name),
                place.given()
            ))
        })?;
        self.parts.push(part);
        fault_point("after-part");
        Ok(())
    }
}
