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
    assert_eq!(limit.take(&records(0, 0, 300, 1)), 75);
    assert_eq!(limit.take(&records(1, 0, 100, 1)), 25);
    assert_eq!(limit.take(&records(2, 0, 5, 1)), 0);
    assert!(limit.is_over());
    limit.start_epoch(1);
    assert_eq!(limit.take(&records(0, 75, 225, 1)), 75);
    assert_eq!(limit.take(&records(1, 25, 75, 1)), 25);
}

#[test]
fn what_has_room_is_taken_by_whoever_comes() {
    let limit = limit(Some(100), None, &[10, 20, 0]);
    assert_eq!(limit.take(&records(2, 0, 60, 1)), 60);
    assert_eq!(limit.take(&records(0, 0, 50, 1)), 40);
    assert_eq!(limit.take(&records(1, 0, 20, 1)), 0);
    assert!(limit.is_over());
}

#[test]
fn fractions_of_a_row_go_to_those_who_have_most() {
    let limit = limit(Some(2), None, &[10, 30, 20]);
    let given = [0, 1, 2].map(|number| limit.take(&records(number, 0, 10, 1)));
    assert_eq!(given, [0, 1, 1]);
}

#[test]
fn a_share_of_bytes_ends_with_the_record_that_reaches_it() {
    let limit = limit(None, Some(1000), &[90, 10]);
    assert_eq!(limit.take(&records(0, 0, 90, 100)), 9);
    assert_eq!(limit.take(&records(1, 0, 10, 100)), 1);
    assert!(limit.is_over());
}

#[test]
fn what_a_quiet_partition_leaves_goes_to_those_who_wait() {
    // Of the records that wait in partition 1 none can be read: their transaction was rolled back.
    let limit = limit(Some(100), None, &[100, 900]);
    let many = records(0, 0, 100, 1);
    limit.fetched(&many);
    assert_eq!(limit.take(&many), 10);
    assert!(!limit.is_over());
    assert_eq!(limit.take(&records(0, 10, 90, 1)), 0, "it may come yet");
    std::thread::sleep(QUIET * 2);
    assert!(!limit.is_over());
    assert_eq!(limit.take(&records(0, 10, 90, 1)), 90);
    assert!(limit.is_over());
}

#[test]
fn what_was_fetched_keeps_its_share() {
    let limit = limit(Some(100), None, &[100, 900]);
    limit.fetched(&records(0, 0, 100, 1));
    limit.fetched(&records(1, 0, 900, 1));
    assert_eq!(limit.take(&records(0, 0, 100, 1)), 10);
    std::thread::sleep(QUIET * 2);
    assert!(!limit.is_over());
    assert_eq!(limit.take(&records(0, 10, 90, 1)), 0);
    assert_eq!(limit.take(&records(1, 0, 900, 1)), 90);
}

/// One has used its rows, the other its bytes: neither can go on with what the other has left.
#[test]
fn rows_and_bytes_that_are_left_to_different_partitions_are_split_again() {
    let limit = limit(Some(100), Some(10_000), &[1000, 1000]);
    let (small, large) = (records(0, 0, 1000, 10), records(1, 0, 1000, 1000));
    limit.fetched(&small);
    limit.fetched(&large);
    let (mut small_given, mut large_given) = (0, 0);
    while !limit.is_over() {
        small_given += limit.take(&small);
        large_given += limit.take(&large);
    }
    let bytes = small_given * 10 + large_given * 1000;
    assert!(small_given + large_given == 100 || bytes >= 10_000);
}

#[test]
fn small_partitions_have_a_row_now_and_then() {
    let limit = limit(Some(1000), None, &[1_000_000, 300]);
    let mut given = 0;
    for epoch in 1..100 {
        given += limit.take(&records(1, given as u64, 300 - given, 1));
        limit.take(&records(0, epoch * 1000, 1000, 1));
        limit.fetched(&records(0, 0, 1, 1));
        limit.fetched(&records(1, 0, 1, 1));
        limit.start_epoch(epoch);
    }
    // 300 of 1,000,300 is 0.2999 of 1000.
    assert!((29..=33).contains(&given), "{given}");
}

#[test]
fn partitions_that_are_found_before_anything_was_given_are_part_of_the_split() {
    let limit = limit(Some(100), None, &[]);
    limit.add(&begin(0, 0), 300);
    limit.add(&begin(1, 0), 100);
    assert_eq!(limit.take(&records(0, 0, 300, 1)), 75);
    assert_eq!(limit.take(&records(1, 0, 100, 1)), 25);
}

#[test]
fn what_an_ended_partition_leaves_is_anybodys() {
    let limit = limit(Some(100), None, &[100, 900]);
    let few = records(1, 0, 5, 1);
    limit.fetched(&few);
    limit.end(&name(1));
    assert_eq!(limit.take(&records(0, 0, 100, 1)), 10);
    assert_eq!(limit.take(&records(0, 10, 90, 1)), 0);
    assert_eq!(limit.take(&few), 5);
    assert_eq!(limit.take(&records(0, 10, 90, 1)), 85);
}

#[test]
fn a_partition_is_paused_until_little_of_it_waits() {
    let limit = limit(Some(10), None, &[1000]);
    let much = records(0, 0, 10, 500 << 10);
    limit.fetched(&much);
    assert_eq!(limit.paused(), [begin(0, 0).partition]);
    assert_eq!(limit.take(&much), 10);
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
                let count = limit.take(&many) as u64;
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
