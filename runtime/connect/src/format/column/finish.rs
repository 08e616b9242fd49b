//! From values under construction to an Arrow array, without a copy.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
    Int8Array, Int16Array, Int32Array, Int64Array, ListArray, MapArray, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowNativeType, DataType};
use azud_model::{Error, Result};

use super::{Builder, Bytes, Fields, Values};

/// Moves the values out; the next column is likely to be as long.
fn take<T: ArrowNativeType>(values: &mut Vec<T>) -> ScalarBuffer<T> {
    let next = Vec::with_capacity(values.len());
    ScalarBuffer::from(std::mem::replace(values, next))
}

fn take_offsets(offsets: &mut Vec<i32>) -> OffsetBuffer<i32> {
    let mut next = Vec::with_capacity(offsets.len());
    next.push(0);
    OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(offsets, next)))
}

impl Builder {
    /// The column, of the Arrow type of its [`azud_model::ColumnType`]; the
    /// builder is empty afterwards.
    pub(crate) fn finish(&mut self) -> Result<ArrayRef> {
        let nulls = self.valid.finish();
        Ok(match &mut self.values {
            Values::Boolean(values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            Values::TinyInt(values) => Arc::new(Int8Array::try_new(take(values), nulls)?),
            Values::SmallInt(values) => Arc::new(Int16Array::try_new(take(values), nulls)?),
            Values::Int(values) => Arc::new(Int32Array::try_new(take(values), nulls)?),
            Values::BigInt(values) => Arc::new(Int64Array::try_new(take(values), nulls)?),
            Values::Float(values) => Arc::new(Float32Array::try_new(take(values), nulls)?),
            Values::Double(values) => Arc::new(Float64Array::try_new(take(values), nulls)?),
            Values::Decimal(values, precision, scale) => Arc::new(
                Decimal128Array::try_new(take(values), nulls)?
                    .with_precision_and_scale(*precision, *scale)?,
            ),
            Values::Text(values) => {
                let (offsets, bytes) = values.take();
                Arc::new(StringArray::try_new(offsets, bytes, nulls)?)
            }
            Values::Binary(values) => {
                let (offsets, bytes) = values.take();
                Arc::new(BinaryArray::try_new(offsets, bytes, nulls)?)
            }
            Values::Date(values) => Arc::new(Date32Array::try_new(take(values), nulls)?),
            Values::Timestamp(values, _) => Arc::new(
                TimestampMicrosecondArray::try_new(take(values), nulls)?.with_timezone("UTC"),
            ),
            Values::Array(offsets, elements) => {
                let DataType::List(field) = &self.data_type else {
                    return Err(mismatch(&self.data_type));
                };
                let elements = elements.finish()?;
                Arc::new(ListArray::try_new(
                    field.clone(),
                    take_offsets(offsets),
                    elements,
                    nulls,
                )?)
            }
            Values::Map(offsets, entries) => {
                let DataType::Map(field, sorted) = &self.data_type else {
                    return Err(mismatch(&self.data_type));
                };
                let columns = vec![entries.0.finish()?, entries.1.finish()?];
                let DataType::Struct(fields) = field.data_type() else {
                    return Err(mismatch(&self.data_type));
                };
                let entries = StructArray::try_new(fields.clone(), columns, None)?;
                let offsets = take_offsets(offsets);
                Arc::new(MapArray::try_new(
                    field.clone(),
                    offsets,
                    entries,
                    nulls,
                    *sorted,
                )?)
            }
            Values::Struct(fields) => fields.finish_struct(&self.data_type, nulls)?,
        })
    }
}

impl Bytes {
    fn take(&mut self) -> (OffsetBuffer<i32>, Buffer) {
        let next = Vec::with_capacity(self.bytes.len());
        let bytes = std::mem::replace(&mut self.bytes, next);
        (take_offsets(&mut self.offsets), Buffer::from_vec(bytes))
    }
}

impl Fields {
    /// All columns, in order; the builders are empty afterwards.
    pub(crate) fn finish(&mut self) -> Result<Vec<ArrayRef>> {
        self.builders.iter_mut().map(Builder::finish).collect()
    }

    fn finish_struct(
        &mut self,
        data_type: &DataType,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef> {
        let DataType::Struct(fields) = data_type else {
            return Err(mismatch(data_type));
        };
        let columns = self.finish()?;
        Ok(Arc::new(StructArray::try_new(
            fields.clone(),
            columns,
            nulls,
        )?))
    }
}

fn mismatch(data_type: &DataType) -> Error {
    Error::internal(format!(
        "a column of type {data_type} was built as another type"
    ))
}
