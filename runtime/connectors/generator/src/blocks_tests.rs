use super::*;

fn all(mut blocks: Blocks, chunk: u64) -> Vec<Range<u64>> {
    let mut made = Vec::new();
    while let Some(share) = blocks.next() {
        let end = share.rows.end.min(share.rows.start + chunk);
        blocks.made(&share, end);
        made.push(share.rows.start..end);
    }
    made
}

#[test]
fn one_reader_makes_all_rows_in_order() {
    let made = all(Blocks::new("s", 10_000, 0, 1), 4096);
    assert_eq!(made, [0..4096, 4096..8192, 8192..10_000]);
    let made = all(Blocks::new("s", 10_000, 0, 1), 3000);
    assert_eq!(
        made,
        [0..3000, 3000..4096, 4096..7096, 7096..8192, 8192..10_000]
    );
}

#[test]
fn every_row_is_made_once_at_any_number_of_readers() {
    for readers in [1, 2, 3, 5, 64] {
        let end = 300_000;
        let mut made: Vec<_> = (0..readers)
            .flat_map(|reader| all(Blocks::new("s", end, reader, readers), 4096))
            .collect();
        made.sort_by_key(|rows| rows.start);
        let mut next = 0;
        for rows in made {
            assert_eq!(rows.start, next);
            next = rows.end;
        }
        assert_eq!(next, end);
    }
}

#[test]
fn two_readers_take_turns() {
    assert_eq!(
        all(Blocks::new("s", 12_288, 0, 2), 4096),
        [0..4096, 8192..12_288]
    );
    let second = all(Blocks::new("s", 12_288, 1, 2), 4096);
    assert_eq!((second.len(), second.first()), (1, Some(&(4096..8192))));
    assert_eq!(all(Blocks::new("s", 5, 1, 2), 4096), []);
}

#[test]
fn positions_of_three_readers_resume_in_two() {
    let end = 400_000;
    let mut positions = Vec::new();
    let mut made = Vec::new();
    for reader in 0..3 {
        let mut blocks = Blocks::new("s", end, reader, 3);
        for _ in 0..=(reader * 30) {
            if let Some(share) = blocks.next() {
                let upto = share.rows.start + (share.rows.end - share.rows.start).min(1000);
                blocks.made(&share, upto);
                made.push(share.rows.start..upto);
            }
        }
        positions.extend(blocks.positions());
    }
    for reader in 0..2 {
        let mut blocks = Blocks::new("s", end, reader, 2);
        blocks.resume(&positions).unwrap();
        made.extend(all(blocks, 4096));
    }
    made.sort_by_key(|rows| rows.start);
    let mut next = 0;
    for rows in made {
        assert_eq!(rows.start, next);
        next = rows.end;
    }
    assert_eq!(next, end);
}

#[test]
fn a_position_says_the_next_row() {
    let mut blocks = Blocks::new("s", u64::MAX, 0, 1);
    assert!(blocks.positions().is_empty());
    let share = blocks.next().unwrap();
    blocks.made(&share, 10);
    assert_eq!(blocks.positions()[0].next, "10");
    let share = blocks.next().unwrap();
    assert_eq!(share.rows, 10..4096);
    blocks.made(&share, 4096);
    assert_eq!(blocks.positions()[0].next, "262144");
    assert_eq!(blocks.next().unwrap().rows, 4096..8192);
}

#[test]
fn a_foreign_position_is_refused() {
    let mut blocks = Blocks::new("s", 10, 0, 1);
    for (name, next) in [("0", "4096"), ("0", "x"), ("a.txt", "7")] {
        let partition = Arc::new(Partition {
            source: "s".into(),
            name: name.into(),
        });
        let error = blocks
            .resume(&[Position {
                partition,
                next: next.into(),
            }])
            .unwrap_err();
        assert_eq!(error.kind(), azud_model::ErrorKind::Invalid);
        let text = format!(
            "cannot go on at row `{next}` of partition `{name}`: no generator was ever there, so the checkpoint is another source's"
        );
        assert_eq!(error.to_string(), text);
    }
}
