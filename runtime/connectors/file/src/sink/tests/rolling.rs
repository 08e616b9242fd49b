//! Layout `rolling`: what is kept when a run stops.

use super::*;

const ROLL: &str = "1h";

async fn rolling(home: &Path, size: &str) -> Bench {
    let options =
        json!({"path": "out", "layout": "rolling", "roll": {"size": size, "every": ROLL}});
    Bench::new(home, "text", Mode::Append, options)
        .await
        .unwrap()
}

/// The names that an epoch's list holds, with their rows.
fn listed(home: &Path, epoch: u64) -> Vec<(String, u64)> {
    let list = fs::read(home.join(format!("out/_azud/{epoch}.json"))).unwrap();
    let list: Value = serde_json::from_slice(&list).unwrap();
    let files = list["files"].as_array().unwrap();
    files
        .iter()
        .map(|file| {
            let name = file["name"].as_str().unwrap().to_owned();
            (name, file["rows"].as_u64().unwrap())
        })
        .collect()
}

#[tokio::test]
async fn all_lanes_of_an_epoch_are_in_its_list() {
    let home = tempfile::tempdir().unwrap();
    let mut bench = rolling(home.path(), "1MiB").await;
    bench.epoch(epoch(0, false), ["a\n", "b\nc\n"]).await;
    bench.write(0, "never\n").await;
    bench.write(1, "never\n").await;
    bench.prepare(&epoch(1, false)).await;
    bench.sink.abort().await.unwrap();
    assert_eq!(
        visible(home.path()),
        ["out/part-0-0.txt=a\n", "out/part-0-1.txt=b\nc\n"]
    );
    assert_eq!(
        listed(home.path(), 0),
        [("part-0-0.txt".into(), 1), ("part-0-1.txt".into(), 2)]
    );
    assert!(!home.path().join("out/_azud/tmp").exists());
}

/// In the last epoch one lane's file was complete and committed, the other's was not.
#[tokio::test]
async fn what_the_epoch_committed_stays_in_its_list() {
    let home = tempfile::tempdir().unwrap();
    let mut bench = rolling(home.path(), "8B").await;
    bench.epoch(epoch(0, false), ["", "x\n"]).await;
    bench.epoch(epoch(1, false), ["aaaa\nbbbb\n", "y\n"]).await;
    assert_eq!(listed(home.path(), 1), [("part-1-0.txt".into(), 2)]);
    bench.sink.abort().await.unwrap();
    assert_eq!(
        visible(home.path()),
        ["out/part-1-0.txt=aaaa\nbbbb\n", "out/part-1-1.txt=x\ny\n"]
    );
    assert_eq!(
        listed(home.path(), 1),
        [("part-1-0.txt".into(), 2), ("part-1-1.txt".into(), 2)]
    );
}

/// A write that was under way when its writer was dropped may come later.
#[tokio::test]
async fn a_late_write_does_not_reach_what_was_kept() {
    let home = tempfile::tempdir().unwrap();
    let mut bench = rolling(home.path(), "1MiB").await;
    bench.epoch(epoch(0, false), ["a\n", ""]).await;
    let staged = home.path().join("out/_azud/tmp/0-0.tmp");
    let mut late = fs::File::options().append(true).open(staged).unwrap();
    bench.sink.abort().await.unwrap();
    std::io::Write::write_all(&mut late, b"late\n").unwrap();
    assert_eq!(visible(home.path()), ["out/part-0-0.txt=a\n"]);
}

/// An idle stream has no records that would end an epoch: files grow old all the same.
#[tokio::test]
async fn a_rolling_file_becomes_old_without_records() {
    let home = tempfile::tempdir().unwrap();
    let bench = rolling(home.path(), "1MiB").await;
    assert!(bench.sink.wants_empty_epochs());
    assert!(bench.sink.wants_ticks());
    for options in [
        json!({"path": "other", "layout": "batches"}),
        json!({"path": "other", "layout": "table"}),
    ] {
        let bench = Bench::new(home.path(), "text", Mode::Append, options)
            .await
            .unwrap();
        assert!(!bench.sink.wants_ticks());
    }
}
