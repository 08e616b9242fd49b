//! The bytes of a part of the spool.
//!
//! A part of encoded rows is a sequence of: `E`, the number of rows and that of bytes, 8
//! bytes each, little-endian, and the bytes. A part of rows is `R` and an Arrow IPC stream.

use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::StreamWriter;
use azud_connect::Output;
use azud_model::{Batch, Error, Result};
use bytes::Bytes;

const ENCODED: u8 = b'E';
const ROWS: u8 = b'R';

/// How much memory an output takes.
pub(super) fn size(output: &Output) -> usize {
    match output {
        Output::Encoded { bytes, .. } => bytes.len(),
        Output::Rows(batch) => batch.columns().get_array_memory_size(),
    }
}

/// The bytes of some outputs of one sink: all of them rows, or all of them encoded. `size` is
/// about how many that will be.
pub(super) fn encode(outputs: &[Output], size: usize) -> Result<Vec<u8>> {
    let mut all = Vec::with_capacity(size);
    let mut rows = Vec::new();
    for output in outputs {
        match output {
            Output::Rows(batch) => rows.push(batch.columns()),
            Output::Encoded { rows, bytes } => {
                all.push(ENCODED);
                all.extend((*rows as u64).to_le_bytes());
                all.extend((bytes.len() as u64).to_le_bytes());
                all.extend(bytes);
            }
        }
    }
    let Some(first) = rows.first() else {
        return Ok(all);
    };
    let schema: SchemaRef = first.schema();
    all.push(ROWS);
    let mut writer = StreamWriter::try_new(&mut all, &schema)?;
    for batch in rows {
        let batch = arrow::array::RecordBatch::try_new(schema.clone(), batch.columns().to_vec());
        writer.write(&batch?)?;
    }
    writer.finish()?;
    drop(writer);
    Ok(all)
}

/// The outputs of a part; rows have no origin any more.
pub(super) fn decode(bytes: &Bytes) -> Result<Vec<Output>> {
    let cut = || Error::invalid("a part of the spool is cut off");
    let mut outputs = Vec::new();
    let mut rest = bytes.clone();
    while let Some(kind) = rest.first().copied() {
        let body = rest.slice(1..);
        if kind == ROWS {
            // Columns stay where they were read to.
            let (mut decoder, mut rest) = (StreamDecoder::new(), Buffer::from(body));
            while let Some(batch) = decoder.decode(&mut rest)? {
                outputs.push(Output::Rows(Batch::without_origin(batch)));
            }
            decoder.finish()?;
            return Ok(outputs);
        }
        if kind != ENCODED {
            return Err(Error::invalid("a part of the spool has an unknown form"));
        }
        let (rows, after) = number(&body).ok_or_else(cut)?;
        let (length, after) = number(&after).ok_or_else(cut)?;
        if after.len() < length {
            return Err(cut());
        }
        outputs.push(Output::Encoded {
            rows,
            bytes: after.slice(..length),
        });
        rest = after.slice(length..);
    }
    Ok(outputs)
}

fn number(bytes: &Bytes) -> Option<(usize, Bytes)> {
    let digits: [u8; 8] = bytes.get(..8)?.try_into().ok()?;
    let number = usize::try_from(u64::from_le_bytes(digits)).ok()?;
    Some((number, bytes.slice(8..)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch};

    use super::*;

    #[test]
    fn what_was_encoded_comes_back_and_cuts_are_found() {
        let outputs = ["one\n", "", "two\nthree\n"].map(|text| Output::Encoded {
            rows: text.lines().count(),
            bytes: Bytes::from(text),
        });
        let bytes = Bytes::from(encode(&outputs, 0).unwrap());
        let back = decode(&bytes).unwrap();
        let text = |output: &Output| match output {
            Output::Encoded { rows, bytes } => (*rows, bytes.clone()),
            Output::Rows(_) => panic!("rows"),
        };
        assert_eq!(
            back.iter().map(text).collect::<Vec<_>>(),
            outputs.iter().map(text).collect::<Vec<_>>()
        );
        let whole = [0, 21, 38, bytes.len()];
        for end in 1..bytes.len() {
            assert_eq!(
                decode(&bytes.slice(..end)).is_ok(),
                whole.contains(&end),
                "cut at {end}"
            );
        }
    }

    #[test]
    fn rows_come_back_as_columns() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        let output = Output::Rows(Batch::without_origin(batch.clone()));
        let bytes = encode(&[output.clone(), output], 0).unwrap();
        let back = decode(&Bytes::from(bytes)).unwrap();
        assert_eq!(back.len(), 2);
        for output in back {
            let Output::Rows(rows) = output else {
                panic!("encoded");
            };
            assert_eq!(rows.columns(), &batch);
        }
    }
}
