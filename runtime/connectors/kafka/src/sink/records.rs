//! A batch of records, as librdkafka is given them.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Int32Array, RecordBatch, StringArray, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};
use azud_model::{Error, Result};
use rdkafka::message::{Header, OwnedHeaders};

use super::layout::Layout;

/// What a header takes beside its name and its value, at most: two numbers.
const HEADER: usize = 10;

/// Records, column by column.
pub(super) struct RecordsOut {
    pub(super) values: BinaryArray,
    pub(super) keys: Option<BinaryArray>,
    pub(super) topics: Option<StringArray>,
    pub(super) partitions: Option<Int32Array>,
    headers: Option<HeaderColumn>,
}

/// Headers: a list of pairs a row.
struct HeaderColumn {
    /// Of all rows, one after the other.
    pairs: StructArray,
    names: StringArray,
    values: BinaryArray,
    /// Which pairs are a row's.
    offsets: OffsetBuffer<i32>,
    present: Option<NullBuffer>,
}

// === impl RecordsOut ===

impl RecordsOut {
    /// Of the columns that [`Layout::columns`] has asked for.
    pub(super) fn of(layout: &Layout, batch: &RecordBatch) -> Result<Self> {
        let mut columns = batch.columns().iter();
        let mut next = || {
            let missing = || Error::internal("kafka: a column is missing");
            columns.next().cloned().ok_or_else(missing)
        };
        let values = binary(&next()?)?;
        let keys = layout.key.map(|_| next().and_then(|keys| key(&keys)));
        let headers = layout.headers.map(|_| next());
        let topics = layout
            .topic
            .map(|_| next().and_then(|topics| text(&topics)));
        let partitions = layout.partition.map(|_| {
            let column = cast(&next()?, &DataType::Int32)?;
            Ok::<_, Error>(column.as_primitive::<Int32Type>().clone())
        });
        Ok(Self {
            values,
            keys: keys.transpose()?,
            topics: topics.transpose()?,
            partitions: partitions.transpose()?,
            headers: headers
                .transpose()?
                .map(|lists| HeaderColumn::of(&lists))
                .transpose()?,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn value(&self, row: usize) -> Option<&[u8]> {
        self.values.is_valid(row).then(|| self.values.value(row))
    }

    pub(super) fn key(&self, row: usize) -> Option<&[u8]> {
        let keys = self.keys.as_ref()?;
        keys.is_valid(row).then(|| keys.value(row))
    }

    pub(super) fn topic(&self, row: usize) -> Option<&str> {
        let topics = self.topics.as_ref()?;
        topics.is_valid(row).then(|| topics.value(row))
    }

    pub(super) fn partition(&self, row: usize) -> Option<i32> {
        let partitions = self.partitions.as_ref()?;
        partitions.is_valid(row).then(|| partitions.value(row))
    }

    pub(super) fn headers(&self, row: usize) -> Option<OwnedHeaders> {
        self.headers.as_ref()?.row(row)
    }
}

// === impl HeaderColumn ===

impl HeaderColumn {
    fn of(lists: &ArrayRef) -> Result<Self> {
        let (pairs, offsets) = match lists.data_type() {
            DataType::Map(..) => {
                let lists = lists.as_map();
                (lists.entries().clone(), lists.offsets().clone())
            }
            _ => {
                let lists = lists.as_list::<i32>();
                (lists.values().as_struct().clone(), lists.offsets().clone())
            }
        };
        let [names, values] = pairs.columns() else {
            return Err(Error::internal("kafka: a header is no pair"));
        };
        Ok(Self {
            names: text(names)?,
            values: binary(values)?,
            pairs,
            offsets,
            present: lists.nulls().cloned(),
        })
    }

    /// A record's headers; `None` where it has no list of them.
    fn pairs(&self, row: usize) -> Option<impl Iterator<Item = Header<'_, &[u8]>>> {
        let present = self.present.as_ref();
        if present.is_some_and(|present| present.is_null(row)) {
            return None;
        }
        let end = |index: usize| self.offsets.get(index).map_or(0, |offset| *offset as usize);
        let pairs = (end(row)..end(row + 1))
            .filter(|pair| self.pairs.is_valid(*pair) && self.names.is_valid(*pair));
        Some(pairs.map(|pair| Header {
            key: self.names.value(pair),
            value: self.values.is_valid(pair).then(|| self.values.value(pair)),
        }))
    }

    /// How many bytes a record's headers have.
    fn size(&self, row: usize) -> usize {
        let pairs = self.pairs(row).into_iter().flatten();
        pairs
            .map(|pair| pair.key.len() + pair.value.map_or(0, <[u8]>::len) + HEADER)
            .sum()
    }

    fn row(&self, row: usize) -> Option<OwnedHeaders> {
        Some(
            self.pairs(row)?
                .fold(OwnedHeaders::new(), OwnedHeaders::insert),
        )
    }
}

/// Which of those records can never be written, and why.
pub(super) fn refused(
    layout: &Layout,
    batch: &RecordBatch,
    largest: usize,
) -> Result<Vec<(usize, String)>> {
    let has_large = batch.columns().iter().map(used).sum::<usize>() > largest;
    if layout.topic.is_none()
        && layout.partition.is_none()
        && layout.headers.is_none()
        && !has_large
    {
        return Ok(Vec::new());
    }
    let records = RecordsOut::of(layout, batch)?;
    let mut refused = Vec::new();
    for row in 0..records.len() {
        if let Some(reason) = why_not(layout, &records, row, largest) {
            refused.push((row, reason));
        }
    }
    Ok(refused)
}

/// How many bytes the values of a column have together, at most.
fn used(column: &ArrayRef) -> usize {
    match column.as_binary_opt::<i32>() {
        Some(values) => {
            let (first, last) = (values.offsets().first(), values.offsets().last());
            let used = last.zip(first).map(|(last, first)| last - first);
            usize::try_from(used.unwrap_or(0)).unwrap_or(usize::MAX)
        }
        None => column.get_array_memory_size(),
    }
}

fn why_not(layout: &Layout, records: &RecordsOut, row: usize, largest: usize) -> Option<String> {
    let value = records.value(row).map_or(0, <[u8]>::len);
    let headers = records.headers.as_ref();
    let size = value
        + records.key(row).map_or(0, <[u8]>::len)
        + headers.map_or(0, |headers| headers.size(row));
    if size > largest {
        return Some(format!(
            "a record of {size} bytes is larger than `message.max.bytes`, {largest}"
        ));
    }
    if layout.topic.is_some() {
        match records.topic(row) {
            None => return Some("its topic is null".to_owned()),
            Some(topic) => {
                if let Err(error) = crate::source::check_name(topic) {
                    return Some(error.to_string());
                }
            }
        }
    }
    match records.partition(row) {
        Some(partition) if partition < 0 => Some(format!("its partition is {partition}")),
        _ => None,
    }
}

fn text(column: &ArrayRef) -> Result<StringArray> {
    Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone())
}

fn binary(column: &ArrayRef) -> Result<BinaryArray> {
    Ok(cast(column, &DataType::Binary)?.as_binary::<i32>().clone())
}

/// Bytes as they are, anything else as its text.
fn key(column: &ArrayRef) -> Result<BinaryArray> {
    match column.data_type() {
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => binary(column),
        _ => binary(&cast(column, &DataType::Utf8)?),
    }
}
