//! A batch of records, as librdkafka is given them.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Int32Array, RecordBatch, StringArray, StructArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};
use azud_connect::VALUE;
use azud_model::{Error, Result};
use rdkafka::message::{Header, Headers, OwnedHeaders};

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
    lists: ArrayRef,
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
            headers: headers.transpose()?.map(|lists| HeaderColumn { lists }),
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

    pub(super) fn headers(&self, row: usize) -> Result<Option<OwnedHeaders>> {
        match &self.headers {
            Some(headers) => headers.of(row),
            None => Ok(None),
        }
    }
}

// === impl HeaderColumn ===

impl HeaderColumn {
    /// How many bytes a record's headers have.
    fn size(&self, row: usize) -> usize {
        let Ok(Some(headers)) = self.of(row) else {
            return 0;
        };
        let of = |header: Header<'_, &[u8]>| {
            header.key.len() + header.value.map_or(0, <[u8]>::len) + HEADER
        };
        headers.iter().map(of).sum()
    }

    fn of(&self, row: usize) -> Result<Option<OwnedHeaders>> {
        if self.lists.is_null(row) {
            return Ok(None);
        }
        let pairs: StructArray = match self.lists.data_type() {
            DataType::Map(..) => self.lists.as_map().value(row),
            _ => self.lists.as_list::<i32>().value(row).as_struct().clone(),
        };
        let [names, values] = pairs.columns() else {
            return Err(Error::internal("kafka: a header is no pair"));
        };
        let (names, values) = (text(names)?, binary(values)?);
        let mut headers = OwnedHeaders::new_with_capacity(pairs.len());
        for pair in (0..pairs.len()).filter(|pair| pairs.is_valid(*pair) && names.is_valid(*pair)) {
            headers = headers.insert(Header {
                key: names.value(pair),
                value: values.is_valid(pair).then(|| values.value(pair)),
            });
        }
        Ok(Some(headers))
    }
}

/// Which of those records can never be written, and why.
pub(super) fn refused(
    layout: &Layout,
    batch: &RecordBatch,
    largest: usize,
) -> Result<Vec<(usize, String)>> {
    let Some(values) = batch.column_by_name(VALUE) else {
        return Err(Error::internal("kafka: no value"));
    };
    let has_large = used(values) + layout.key.map_or(0, |_| size_beside(batch)) > largest;
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

/// How many bytes the values of a column have together.
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

/// How many bytes the columns beside the value have, at most.
fn size_beside(batch: &RecordBatch) -> usize {
    let beside = batch.columns().iter().skip(1);
    beside.map(used).sum()
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
