//! Records without a payload: Kafka's tombstones.
//!
//! As in Spark, where a null value makes every column that is parsed out of it null: the row is
//! there, with its key, and is neither bad nor left out.

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array, UInt64Array, new_null_array};
use arrow::compute::{concat, take};
use arrow::datatypes::SchemaRef;
use azud_model::{Batch, Error, Origin, Result};

use crate::{BadRecord, Decoded, Decoder, Payload, Records};

/// A decoder of payloads, and of records that have none.
pub(super) struct Absent {
    decoder: Box<dyn Decoder>,
    /// The columns that are the system's, and known also without a payload.
    kept: Vec<String>,
}

// === impl Absent ===

impl Absent {
    pub(super) fn new(decoder: Box<dyn Decoder>, kept: Vec<String>) -> Self {
        Self { decoder, kept }
    }

    /// Rows for those records that have no payload.
    fn rows(&self, records: &Records, absent: &UInt32Array) -> Result<RecordBatch> {
        let schema = self.decoder.schema();
        let columns = schema.fields().iter().map(|field| {
            if !self.kept.contains(field.name()) {
                return Ok(new_null_array(field.data_type(), absent.len()));
            }
            let known = records.metadata.as_ref();
            let column = known.and_then(|known| known.column_by_name(field.name()));
            let column = column.ok_or_else(|| {
                let name = field.name();
                Error::internal(format!("the source did not give its column `{name}`"))
            })?;
            Ok(take(column, absent, None)?)
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new(schema, columns)?)
    }
}

impl Decoder for Absent {
    fn schema(&self) -> SchemaRef {
        self.decoder.schema()
    }

    fn decode(&mut self, records: &Records) -> Result<Decoded> {
        let present = records.payload.present.as_ref();
        let Some(nulls) = present.filter(|present| present.null_count() > 0) else {
            return self.decoder.decode(records);
        };
        // What the source could not give whole is bad, not absent.
        let is_bad = |index: &u32| records.bad.iter().any(|bad| bad.index == *index as usize);
        let all = 0..u32::try_from(records.len()).unwrap_or(u32::MAX);
        let (absent, present): (Vec<u32>, Vec<u32>) =
            all.partition(|index| nulls.is_null(*index as usize) && !is_bad(index));
        let decoded = self.decoder.decode(&select(records, &present)?)?;
        let bad = decoded.bad.into_iter().map(|bad| BadRecord {
            index: present.get(bad.index).map_or(0, |index| *index as usize),
            ..bad
        });
        let bad = bad.collect();
        let absent = UInt32Array::from(absent);
        let rows = self.rows(records, &absent)?;
        let own = absent.values().iter();
        let own: UInt64Array = own.map(|index| records.position(*index as usize)).collect();
        let positions = match decoded.batch.origin() {
            Some(origin) => concat(&[&origin.positions, &own])?,
            None => return Err(Error::internal("a decoder gave rows without their origin")),
        };
        // Back into the order in which they came.
        let order = arrow::compute::sort_to_indices(&positions, None, None)?;
        let columns = decoded.batch.columns().columns().iter().zip(rows.columns());
        let columns = columns.map(|(decoded, absent)| -> Result<ArrayRef> {
            let both = concat(&[decoded.as_ref(), absent.as_ref()])?;
            Ok(take(&both, &order, None)?)
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let batch = RecordBatch::try_new(self.decoder.schema(), columns)?;
        let positions = take(&positions, &order, None)?.to_data().into();
        let origin = Origin {
            partition: records.partition.clone(),
            positions,
            attempt: 1,
        };
        Ok(Decoded {
            batch: Batch::new(batch, Some(origin))?,
            bad,
        })
    }
}

/// Some of the records; no bytes are copied.
fn select(records: &Records, indices: &[u32]) -> Result<Records> {
    let rows = UInt32Array::from(indices.to_vec());
    let metadata = records.metadata.as_ref().map(|known| -> Result<_> {
        let columns = known
            .columns()
            .iter()
            .map(|column| take(column, &rows, None));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        Ok(RecordBatch::try_new(known.schema(), columns)?)
    });
    let ranges = indices
        .iter()
        .filter_map(|index| records.payload.records.get(*index as usize).cloned());
    let positions = indices
        .iter()
        .map(|index| records.position(*index as usize));
    let bad = records.bad.iter().filter_map(|bad| {
        let index = indices
            .iter()
            .position(|index| *index as usize == bad.index)?;
        Some(BadRecord {
            index,
            reason: bad.reason.clone(),
        })
    });
    Ok(Records {
        partition: records.partition.clone(),
        first: records.first,
        positions: Some(positions.collect()),
        bad: bad.collect(),
        payload: Payload {
            bytes: records.payload.bytes.clone(),
            records: ranges.collect(),
            present: None,
        },
        header: records.header.clone(),
        metadata: metadata.transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{AsArray, StringArray};
    use arrow::buffer::NullBuffer;
    use arrow::datatypes::{Int64Type, UInt64Type};
    use azud_model::{Column, Partition};

    use super::*;
    use crate::{Format, FormatOptions, decoder, row_json};

    fn column(name: &str, sql: &str) -> Column {
        Column {
            name: name.to_owned(),
            column_type: sql.parse().unwrap(),
        }
    }

    /// Five records: an object, none, a broken one, none, an object.
    fn records() -> Records {
        let lines = ["{\"n\":1}", "", "{", "", "{\"n\":5}"];
        let keys = Arc::new(StringArray::from(vec!["a", "b", "c", "d", "e"])) as ArrayRef;
        let present = NullBuffer::from(vec![true, false, true, false, true]);
        Records {
            partition: Arc::new(Partition {
                source: "in".to_owned(),
                name: "t-0".to_owned(),
            }),
            first: 10,
            positions: Some([10, 12, 14, 16, 18].into()),
            payload: Payload {
                present: Some(Box::new(present)),
                ..lines.iter().collect()
            },
            bad: Vec::new(),
            header: None,
            metadata: Some(RecordBatch::try_from_iter([("key", keys)]).unwrap()),
        }
    }

    #[test]
    fn a_record_without_payload_is_a_row_of_nulls_beside_its_key_and_in_its_place() {
        let mut decoder = decoder(&FormatOptions {
            format: Format::Json,
            schema: vec![column("n", "bigint")],
            header: true,
            keep: vec![column("key", "string")],
            payload: "value".to_owned(),
            payload_at: 0,
            avro: None,
        })
        .unwrap();
        let decoded = decoder.decode(&records()).unwrap();
        let batch = decoded.batch.columns();
        let numbers = batch.column(0).as_primitive::<Int64Type>();
        let numbers: Vec<_> = numbers.iter().collect();
        assert_eq!(numbers, [Some(1), None, None, Some(5)]);
        let keys: Vec<_> = batch
            .column(1)
            .as_string::<i32>()
            .iter()
            .flatten()
            .collect();
        assert_eq!(keys, ["a", "b", "d", "e"]);
        let origin = decoded.batch.origin().unwrap();
        let positions: &arrow::array::PrimitiveArray<UInt64Type> = &origin.positions;
        assert_eq!(positions.values(), &[10, 12, 16, 18]);
        assert_eq!(decoded.bad.len(), 1);
        assert_eq!(decoded.bad[0].index, 2);
    }

    #[test]
    fn a_raw_payload_that_is_none_is_null() {
        let mut decoder = decoder(&FormatOptions {
            format: Format::Raw,
            schema: Vec::new(),
            header: true,
            keep: vec![column("key", "string")],
            payload: "value".to_owned(),
            payload_at: 1,
            avro: None,
        })
        .unwrap();
        let decoded = decoder.decode(&records()).unwrap();
        let batch = decoded.batch.columns();
        assert_eq!(
            row_json(batch, 0),
            b"{\"key\":\"a\",\"value\":\"eyJuIjoxfQ==\"}"
        );
        assert_eq!(row_json(batch, 1), b"{\"key\":\"b\"}");
    }
}
