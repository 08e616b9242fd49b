use std::sync::Arc;

use azud_connect::Payload;
use azud_model::Partition;
use proptest::prelude::*;

use super::super::place::Place;
use super::*;

fn begin(number: i32, offset: i64) -> Begin {
    Begin {
        partition: TopicPartition {
            topic: "orders".to_owned(),
            number,
        },
        place: Place {
            offset,
            topic_id: None,
        },
        end: 0,
    }
}

fn name(number: i32) -> String {
    begin(number, 0).partition.name()
}

/// So many records of `size` bytes each.
fn records(number: i32, first: u64, rows: usize, size: usize) -> Records {
    let bytes = vec![b'x'; rows * size];
    let place = |row: usize| u32::try_from(row * size).unwrap();
    Records {
        partition: Arc::new(Partition {
            source: "in".to_owned(),
            name: name(number),
        }),
        first,
        positions: None,
        payload: Payload {
            bytes: bytes.into(),
            records: (0..rows).map(|row| place(row)..place(row + 1)).collect(),
            present: None,
        },
        bad: Vec::new(),
        header: None,
        metadata: None,
    }
}

/// Partitions with so many records each, in their first epoch.
fn limit(rows: Option<u64>, bytes: Option<u64>, waiting: &[i64]) -> Limit {
    let limit = Limit::new(rows, bytes).unwrap();
    for (number, waiting) in (0..).zip(waiting) {
        limit.add(&begin(number, 0), *waiting);
    }
    limit.start_epoch(0);
    limit
}

#[test]
fn what_waits_is_split_by_how_much_it_is() {
    let limit = limit(Some(100), None, &[300, 100, 0]);
    assert_eq!(limit.take(&records(0, 0, 300, 1), false), 75);
    assert_eq!(limit.take(&records(1, 0, 100, 1), false), 25);
    assert_eq!(limit.take(&records(2, 0, 5, 1), false), 0);
    assert!(limit.is_used());
    limit.start_epoch(1);
    assert_eq!(limit.take(&records(0, 75, 225, 1), false), 75);
    assert_eq!(limit.take(&records(1, 25, 75, 1), false), 25);
}

#[test]
fn what_has_room_is_taken_by_whoever_comes() {
    let limit = limit(Some(100), None, &[10, 20, 0]);
    assert_eq!(limit.take(&records(2, 0, 60, 1), false), 60);
    assert_eq!(limit.take(&records(0, 0, 50, 1), false), 40);
    assert_eq!(limit.take(&records(1, 0, 20, 1), false), 0);
    assert!(limit.is_used_by([name(1)].iter()));
}

#[test]
fn fractions_of_a_row_go_to_those_who_have_most() {
    let limit = limit(Some(2), None, &[10, 30, 20]);
    let given = [0, 1, 2].map(|number| limit.take(&records(number, 0, 10, 1), false));
    assert_eq!(given, [0, 1, 1]);
}

#[test]
fn a_share_of_bytes_ends_with_the_record_that_reaches_it() {
    let limit = limit(None, Some(1000), &[90, 10]);
    assert_eq!(limit.take(&records(0, 0, 90, 100), false), 9);
    assert_eq!(limit.take(&records(1, 0, 10, 100), false), 1);
    assert!(limit.is_used());
}

#[test]
fn what_is_left_to_an_idle_partition_is_borrowed_in_the_end() {
    // Of the records that wait in partition 1 none can be read: their transaction was rolled back.
    let limit = limit(Some(100), None, &[100, 900]);
    let many = records(0, 0, 100, 1);
    limit.fetched(&many);
    assert_eq!(limit.take(&many, false), 10);
    assert!(!limit.is_used());
    assert_eq!(limit.take(&records(0, 10, 90, 1), true), 90);
    assert!(limit.is_used());
}

#[test]
fn what_was_fetched_is_not_borrowed() {
    let limit = limit(Some(100), None, &[100, 900]);
    limit.fetched(&records(1, 0, 900, 1));
    assert_eq!(limit.take(&records(0, 0, 100, 1), false), 10);
    assert_eq!(limit.take(&records(0, 10, 90, 1), true), 0);
    assert_eq!(limit.take(&records(1, 0, 900, 1), false), 90);
}

#[test]
fn what_an_ended_partition_leaves_is_anybodys() {
    let limit = limit(Some(100), None, &[100, 900]);
    let few = records(1, 0, 5, 1);
    limit.fetched(&few);
    limit.end(&name(1));
    assert_eq!(limit.take(&records(0, 0, 100, 1), false), 10);
    assert_eq!(limit.take(&records(0, 10, 90, 1), false), 0);
    assert_eq!(limit.take(&few, false), 5);
    assert_eq!(limit.take(&records(0, 10, 90, 1), false), 85);
}

#[test]
fn a_partition_is_paused_until_little_of_it_waits() {
    let limit = limit(Some(10), None, &[1000]);
    let much = records(0, 0, 10, 500 << 10);
    limit.fetched(&much);
    assert_eq!(limit.paused(), [begin(0, 0).partition]);
    assert_eq!(limit.take(&much, false), 10);
    assert_eq!(limit.paused(), []);
}

proptest! {
    /// No epoch gives more rows than it may, none of a partition that has something gives nothing
    /// for ever, and everything is given in the end.
    #[test]
    fn all_is_given_in_as_few_epochs_as_can_be(
        waiting in proptest::collection::vec(0_i64..500, 1..8),
        rows in 1_u64..200,
    ) {
        let limit = Limit::new(Some(rows), None).unwrap();
        for (number, waiting) in (0..).zip(&waiting) {
            limit.add(&begin(number, 0), *waiting);
        }
        let all: u64 = waiting.iter().map(|waiting| waiting.unsigned_abs()).sum();
        let mut next = vec![0_u64; waiting.len()];
        for epoch in 0..all.div_ceil(rows) {
            limit.start_epoch(epoch);
            let mut given = 0;
            for (number, waiting) in waiting.iter().enumerate() {
                let rest = waiting.unsigned_abs() - next[number];
                let number_of = i32::try_from(number).unwrap();
                let many = records(number_of, next[number], usize::try_from(rest).unwrap(), 1);
                let count = limit.take(&many, false) as u64;
                next[number] += count;
                given += count;
            }
            let before = all - next.iter().sum::<u64>() + given;
            prop_assert_eq!(given, before.min(rows));
        }
        let ends: Vec<u64> = waiting.iter().map(|waiting| waiting.unsigned_abs()).collect();
        prop_assert_eq!(next, ends);
    }
}
