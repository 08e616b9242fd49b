//! What is written is read again, and nothing else is taken for it.

use bytes::Bytes;
use proptest::prelude::*;

use super::chunk;
use super::frame::{self, Found, SegmentHeader, look};
use super::test_records::*;
use crate::{BadRecord, Records};

/// Payloads with gaps between records, as CRLF makes them.
fn any_records() -> impl Strategy<Value = Records> {
    let record = (prop::collection::vec(any::<u8>(), 0..20), 0..3_usize);
    let payload = prop::collection::vec(record, 1..20);
    let bad = prop::collection::btree_map(0..20_usize, ".{0,9}", 0..4);
    let header = prop::option::of(prop::collection::vec(any::<u8>(), 0..9));
    (".{0,12}", any::<u32>(), payload, bad, header).prop_map(
        |(name, first, payload, bad, header)| {
            let mut records = records(&name, u64::from(first), &[]);
            let mut bytes = Vec::new();
            for (record, gap) in &payload {
                let start = bytes.len() as u32;
                bytes.extend_from_slice(record);
                records.payload.records.push(start..bytes.len() as u32);
                bytes.extend(std::iter::repeat_n(b'\r', *gap));
            }
            records.payload.bytes = bytes.into();
            let bad = bad.into_iter().filter(|(index, _)| *index < payload.len());
            records.bad = bad
                .map(|(index, reason)| BadRecord { index, reason })
                .collect();
            records.header = header.map(Bytes::from);
            records
        },
    )
}

fn frame_of(all: &[Records]) -> (Vec<u8>, u32) {
    let mut bytes = Vec::new();
    frame::start(&mut bytes);
    let mut count = 0;
    for records in all {
        let before = bytes.len();
        count += chunk::encode(records, &mut bytes).unwrap();
        assert_eq!(bytes.len() - before, chunk::encoded_bytes(records));
    }
    frame::finish(&mut bytes, ID, 7, count).unwrap();
    (bytes, count)
}

fn same(left: &Records, right: &Records) -> bool {
    left.partition == right.partition
        && left.first == right.first
        && left.payload.bytes == right.payload.bytes
        && left.payload.records == right.payload.records
        && left.bad == right.bad
        && left.header == right.header
}

proptest! {
    #[test]
    fn records_survive(all in prop::collection::vec(any_records(), 1..4)) {
        let (bytes, count) = frame_of(&all);
        let Found::Frame(header) = look(&bytes, ID) else { panic!("no frame") };
        prop_assert_eq!((header.sequence, header.count, header.bytes()), (7, count, bytes.len()));
        prop_assert_eq!(look(&bytes, ID + 1), Found::Wrong);
        let mut body = Bytes::from(bytes).split_off(frame::FRAME_HEADER);
        for records in &all {
            prop_assert!(same(&chunk::decode(&mut body, "lines").unwrap(), records));
        }
        prop_assert!(body.is_empty());
    }

    #[test]
    fn a_frame_that_is_cut_or_changed_is_none(all in prop::collection::vec(any_records(), 1..3)) {
        let (mut bytes, _) = frame_of(&all);
        for length in 0..bytes.len() {
            let needed = if length < frame::FRAME_HEADER { frame::FRAME_HEADER } else { bytes.len() };
            prop_assert_eq!(look(&bytes[..length], ID), Found::Short(needed));
        }
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!matches!(look(&bytes, ID), Found::Frame(_)), "bit {}", bit);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    /// Also with a checksum that is right.
    #[test]
    fn any_bytes_are_decoded_without_a_panic(
        all in any_records(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
        random in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut bytes = Vec::new();
        chunk::encode(&all, &mut bytes).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        for bytes in [bytes, random] {
            if let Some(records) = chunk::decode(&mut Bytes::from(bytes.clone()), "lines") {
                prop_assert!(records.payload.records.iter().all(|r| r.end as usize <= bytes.len()));
                prop_assert!(records.bad.iter().all(|bad| bad.index < records.len()));
            }
            look(&bytes, ID);
            let _ = SegmentHeader::decode(&bytes);
        }
    }
}

#[test]
fn what_says_that_it_is_huge_is_not_allocated_for() {
    for claimed in [u32::MAX, u32::MAX - 1, 1 << 31] {
        let mut bytes = claimed.to_le_bytes().to_vec();
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&0_u32.to_le_bytes());
        bytes.extend_from_slice(&u32::MAX.to_le_bytes());
        bytes.extend_from_slice(&(claimed - 1).to_le_bytes());
        assert!(chunk::decode(&mut Bytes::from(bytes), "lines").is_none());
    }
}

#[test]
fn the_format_is_what_the_text_says() {
    let header = SegmentHeader { id: ID, first: 7 };
    let bytes = header.encode();
    assert_eq!(bytes.len(), frame::SEGMENT_HEADER);
    assert_eq!(&bytes[..12], b"AZUDJNL\n\x01\0\0\0");
    assert_eq!(SegmentHeader::decode(&bytes), Ok(header));
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(SegmentHeader::decode(&bytes).is_err(), "bit {bit}");
    }
    let (bytes, _) = frame_of(&[records("c", 3, &["ab", ""])]);
    let hex: Vec<String> = bytes[8..]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let expected = "31000000 02000000 0700000000000000 \
        02000000 0300000000000000 01000000 63 ffffffff 00000000 \
        00000000 02000000 03000000 03000000 04000000 61620a0a";
    let expected = expected.replace(' ', "");
    assert_eq!(hex.concat(), expected);
    assert_eq!(
        bytes.len(),
        24 + chunk::encoded_bytes(&records("c", 3, &["ab", ""]))
    );
}

#[test]
fn records_that_break_their_promises_are_not_written() {
    let mut out = records("c", 1, &["a"]);
    out.payload.records[0] = 0..9;
    let mut over = records("c", 1, &["ab", "c"]);
    over.payload.records = vec![0..2, 1..3];
    let mut bad = records("c", 1, &["a"]);
    bad.bad = vec![super::test_records::bad(1, "long")];
    for records in [out, over, bad] {
        let mut body = vec![1];
        assert!(chunk::encode(&records, &mut body).is_err());
        assert_eq!(body, [1]);
    }
}
