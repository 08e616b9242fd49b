//! Sources that make typed columns themselves need no decoding.

use arrow::datatypes::SchemaRef;
use azud_model::{Error, Result};

use super::decoded::Fate;
use crate::{Decoded, Decoder, Records};

/// Hands [`Records::metadata`] on as it is.
pub(super) struct TypedDecoder {
    schema: SchemaRef,
}

// === impl TypedDecoder ===

impl TypedDecoder {
    pub(super) fn new(schema: SchemaRef) -> Self {
        Self { schema }
    }
}

impl Decoder for TypedDecoder {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn decode(&mut self, records: &Records) -> Result<Decoded> {
        let columns = records
            .metadata
            .as_ref()
            .ok_or_else(|| Error::internal("a typed source gave no columns"))?;
        let fate = Fate::of(records, |_| Ok(true));
        let columns = fate.keep(columns.columns())?;
        fate.decoded(&self.schema, columns)
    }
}
