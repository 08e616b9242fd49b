//! Objects that are uploaded in parts: nothing is visible before the last step.

use azud_model::Result;
use bytes::Bytes;
use object_store::multipart::PartId;

use crate::Bucket;
use crate::failure::Failure;

/// More parts than that S3 does not put together.
pub const LARGEST_UPLOAD_PARTS: usize = 10_000;

/// Putting parts together takes a store as long as it takes to move so many bytes.
const JOINED_AT_ONCE: u64 = 60 << 20;

// === impl Bucket ===

impl Bucket {
    /// Begins an upload, and answers its id. It costs nothing, and is never visible, until it
    /// has parts.
    ///
    /// # Errors
    /// It may have begun; nobody knows its id then.
    pub async fn begin_upload(&self, name: &str) -> Result<String> {
        let path = self.path(name)?;
        let begun = self.answer(0, self.store.create_multipart(&path)).await;
        begun.map_err(|failure| self.error("begin to upload", name, failure))
    }

    /// Uploads part `number`, from 0, and answers its id. All but the last have at least
    /// 5 MiB, and the same size. `None` if the upload is gone.
    ///
    /// # Errors
    /// It may be there: another attempt replaces it.
    pub async fn upload_part(
        &self,
        name: &str,
        upload: &str,
        number: usize,
        bytes: Bytes,
    ) -> Result<Option<String>> {
        let (path, id) = (self.path(name)?, upload.to_owned());
        let size = bytes.len() as u64;
        let put = self.store.put_part(&path, &id, number, bytes.into());
        match self.answer(size, put).await {
            Ok(part) => Ok(Some(part.content_id)),
            Err(Failure::NotFound(_)) => Ok(None),
            Err(failure) => Err(self.error("upload a part of", name, failure)),
        }
    }

    /// Shows the object, in place of what has its name: all of it, at once. `false` if the
    /// upload is gone: it was completed before, or given up.
    ///
    /// # Errors
    /// It may be done: another attempt finds no upload then.
    pub async fn complete_upload(
        &self,
        name: &str,
        upload: &str,
        parts: &[String],
    ) -> Result<bool> {
        let (path, id) = (self.path(name)?, upload.to_owned());
        let parts = parts.iter().map(|part| PartId {
            content_id: part.clone(),
        });
        let completed = self.store.complete_multipart(&path, &id, parts.collect());
        match self.answer(JOINED_AT_ONCE, completed).await {
            Ok(_) => Ok(true),
            Err(Failure::NotFound(_)) => Ok(false),
            Err(failure) => Err(self.error("complete", name, failure)),
        }
    }

    /// Gives an upload up, and removes its parts; no error where it is gone.
    ///
    /// # Errors
    /// Where it is still there.
    pub async fn give_up_upload(&self, name: &str, upload: &str) -> Result<()> {
        let (path, id) = (self.path(name)?, upload.to_owned());
        let given_up = self.store.abort_multipart(&path, &id);
        match self.answer(0, given_up).await {
            Ok(()) | Err(Failure::NotFound(_)) => Ok(()),
            Err(failure) => Err(self.error("give up the upload of", name, failure)),
        }
    }
}
