use std::fs;
use std::path::Path;
use std::sync::Arc;

use azud_connect::{Output, Prepared, Sink, SinkContext, SinkWriter};
use azud_model::{Epoch, ManualClock, Mode, Result};
use serde_json::{Value, json};

mod again;
mod conformance;
mod crash;
mod neighbours;
mod reset;
mod rolling;

struct Bench {
    sink: Arc<dyn Sink>,
    writers: Vec<Box<dyn SinkWriter>>,
    clock: Arc<ManualClock>,
}

fn context(directory: &Path, format: &str, mode: Mode, clock: &Arc<ManualClock>) -> SinkContext {
    SinkContext {
        pipeline: "test".into(),
        node: "out".into(),
        directory: directory.to_owned(),
        lanes: 2,
        mode,
        format: format.into(),
        header: if format == "csv" {
            b"a\n".to_vec()
        } else {
            Vec::new()
        },
        checkpointed: false,
        group: None,
        clock: clock.clone(),
    }
}

impl Bench {
    async fn new(directory: &Path, format: &str, mode: Mode, options: Value) -> Result<Self> {
        let clock = Arc::new(ManualClock::at(0));
        let sink = super::make(options, context(directory, format, mode, &clock))?;
        let schema = Arc::new(arrow::datatypes::Schema::empty());
        let mut writers = Vec::new();
        for lane in 0..2 {
            writers.push(sink.writer(lane, schema.clone()).await?);
        }
        Ok(Self {
            sink,
            writers,
            clock,
        })
    }

    async fn write(&mut self, lane: usize, text: &str) {
        let rows = text.lines().count();
        let bytes = text.as_bytes().to_vec().into();
        self.writers[lane]
            .write(Output::Encoded { rows, bytes })
            .await
            .unwrap();
    }

    async fn prepare(&mut self, epoch: &Epoch) -> Vec<Prepared> {
        let mut prepared = Vec::new();
        for writer in &mut self.writers {
            prepared.push(writer.prepare(epoch).await.unwrap());
        }
        prepared
    }

    /// Writes one text a lane, prepares and commits, twice.
    async fn epoch(&mut self, epoch: Epoch, texts: [&str; 2]) {
        for (lane, text) in texts.iter().enumerate() {
            self.write(lane, text).await;
        }
        let prepared = self.prepare(&epoch).await;
        self.sink.commit(&epoch, prepared.clone()).await.unwrap();
        if !epoch.last {
            self.sink.commit(&epoch, prepared).await.unwrap();
        }
    }
}

fn epoch(number: u64, last: bool) -> Epoch {
    Epoch {
        number,
        time_ms: 1000 + number as i64 * 1000,
        input_rows: 1,
        last,
    }
}

/// All files below a folder, with their content.
fn tree(at: &Path) -> Vec<(String, String)> {
    fn walk(root: &Path, at: &Path, out: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, out);
            } else {
                let name = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                out.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut out = Vec::new();
    walk(at, at, &mut out);
    out.sort();
    out
}

fn names(at: &Path) -> Vec<String> {
    tree(at).into_iter().map(|(name, _)| name).collect()
}

/// What is visible to somebody who lists files, as `name=content`.
fn visible(at: &Path) -> Vec<String> {
    tree(at)
        .into_iter()
        .filter(|(name, _)| !name.contains("_azud/") && !name.contains(".out-azud"))
        .map(|(name, content)| format!("{name}={content}"))
        .collect()
}

#[tokio::test]
async fn batches_are_folders_and_empty_epochs_are_too() {
    let home = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(home.path(), "text", Mode::Append, json!({"path": "out"}))
        .await
        .unwrap();
    assert!(bench.sink.wants_empty_epochs());
    bench.write(0, "a\n").await;
    assert!(visible(home.path()).is_empty());
    let prepared = bench.prepare(&epoch(0, false)).await;
    assert!(visible(home.path()).is_empty());
    bench
        .sink
        .commit(&epoch(0, false), prepared.clone())
        .await
        .unwrap();
    bench.sink.commit(&epoch(0, false), prepared).await.unwrap();
    bench.epoch(epoch(1, true), ["", ""]).await;
    assert_eq!(
        tree(home.path())
            .iter()
            .map(|(n, c)| format!("{n}={c}"))
            .collect::<Vec<_>>(),
        [
            "out-1000/_SUCCESS=",
            "out-1000/part-00000=a\n",
            "out-1000/part-00001=",
            "out-2000/_SUCCESS=",
            "out-2000/part-00000=",
            "out-2000/part-00001=",
        ]
    );
}

#[tokio::test]
async fn a_folder_of_somebody_else_is_not_overwritten() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("out-1000")).unwrap();
    let mut bench = Bench::new(home.path(), "text", Mode::Append, json!({"path": "out"}))
        .await
        .unwrap();
    let prepared = bench.prepare(&epoch(0, false)).await;
    let error = bench
        .sink
        .commit(&epoch(0, false), prepared)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the folder `out-1000` exists already: remove it, or write elsewhere"
    );
}

#[tokio::test]
async fn a_table_grows_by_files_and_lists_them() {
    let home = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(home.path(), "csv", Mode::Append, json!({"path": "out"}))
        .await
        .unwrap();
    bench.epoch(epoch(0, false), ["1\n2\n", ""]).await;
    bench.epoch(epoch(1, false), ["", ""]).await;
    bench.epoch(epoch(2, true), ["3\n", "4\n"]).await;
    assert_eq!(
        visible(home.path()),
        [
            "out/part-0-0.csv=a\n1\n2\n",
            "out/part-2-0.csv=a\n3\n",
            "out/part-2-1.csv=a\n4\n"
        ]
    );
    assert_eq!(
        fs::read_to_string(home.path().join("out/_azud/0.json")).unwrap(),
        "{\"version\":1,\"epoch\":0,\"mode\":\"append\",\"files\":\
         [{\"name\":\"part-0-0.csv\",\"rows\":2,\"bytes\":6}]}\n"
    );
    assert!(!home.path().join("out/_azud/tmp").exists());
    assert!(!home.path().join("out/_azud/1.json").exists());

    let refused = Bench::new(home.path(), "csv", Mode::Append, json!({"path": "out"})).await;
    assert_eq!(
        refused.err().unwrap().to_string(),
        "`out` holds the output of an earlier run (`out/_azud/0.json` lists it): \
         remove the folder, write to another one, or use `layout: batches`, where each epoch \
         has a folder of its own"
    );
}

#[tokio::test]
async fn complete_replaces_what_was_there() {
    let home = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let mut bench = Bench::new(home.path(), "json", Mode::Complete, json!({"path": "out"}))
            .await
            .unwrap();
        fs::write(home.path().join("out/notes.txt"), "mine").unwrap();
        bench.epoch(epoch(0, false), ["1\n", "2\n"]).await;
        assert!(names(home.path()).contains(&"out/part-0-1.json".to_owned()));
        bench.epoch(epoch(1, false), ["3\n", ""]).await;
        assert_eq!(
            visible(home.path()),
            ["out/notes.txt=mine", "out/part-1-0.json=3\n"]
        );
        bench.epoch(epoch(2, true), ["", ""]).await;
        assert_eq!(names(home.path()), ["out/_azud/2.json", "out/notes.txt"]);
    }
}

/// Without a checkpoint every run begins with epoch 0, whose file and list are there already.
#[tokio::test]
async fn complete_replaces_what_an_earlier_run_wrote() {
    let home = tempfile::tempdir().unwrap();
    for texts in [["1\n", "2\n"], ["3\n", ""]] {
        let options = json!({"path": "out"});
        let mut bench = Bench::new(home.path(), "json", Mode::Complete, options)
            .await
            .unwrap();
        bench.epoch(epoch(0, true), texts).await;
    }
    assert_eq!(visible(home.path()), ["out/part-0-0.json=3\n"]);
}

#[tokio::test]
async fn leftovers_of_a_run_that_died_are_removed_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(home.path(), "json", Mode::Append, json!({"path": "out"}))
        .await
        .unwrap();
    bench.write(0, "lost\n").await;
    bench.prepare(&epoch(0, false)).await;
    bench.write(1, "lost\n").await;
    drop(bench);
    fs::write(home.path().join("out/mine.tmp"), "kept").unwrap();
    let mut bench = Bench::new(home.path(), "json", Mode::Append, json!({"path": "out"}))
        .await
        .unwrap();
    assert_eq!(names(home.path()), ["out/_azud/tmp.lock", "out/mine.tmp"]);
    bench.write(0, "gone\n").await;
    bench.sink.abort().await.unwrap();
    assert_eq!(names(home.path()), ["out/mine.tmp"]);
}

#[tokio::test]
async fn rolling_files_collect_epochs() {
    let home = tempfile::tempdir().unwrap();
    let options =
        json!({"path": "out", "layout": "rolling", "roll": {"size": "8B", "every": "10s"}});
    let mut bench = Bench::new(home.path(), "text", Mode::Append, options)
        .await
        .unwrap();
    bench.epoch(epoch(0, false), ["aaa\n", ""]).await;
    assert!(visible(home.path()).is_empty());
    bench.epoch(epoch(1, false), ["bbb\n", "x\n"]).await;
    assert_eq!(visible(home.path()), ["out/part-1-0.txt=aaa\nbbb\n"]);
    bench.clock.advance(std::time::Duration::from_secs(10));
    bench.epoch(epoch(2, false), ["", ""]).await;
    assert_eq!(visible(home.path())[1..], ["out/part-2-1.txt=x\n"]);
    bench.epoch(epoch(3, false), ["c\n", ""]).await;
    bench.write(0, "never\n").await;
    bench.prepare(&epoch(4, false)).await;
    bench.sink.abort().await.unwrap();
    assert_eq!(visible(home.path())[2..], ["out/part-3-0.txt=c\n"]);
}

#[tokio::test]
async fn modes_that_a_layout_cannot_hold_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let refused = |mode, options| async move {
        let home = tempfile::tempdir().unwrap();
        Bench::new(home.path(), "json", mode, options)
            .await
            .err()
            .unwrap()
            .to_string()
    };
    assert_eq!(
        refused(Mode::Update, json!({"path": "out"})).await,
        "with mode update a changed row would stand beside its old self in the files: \
         use `mode: complete`, or `layout: batches`, which keeps each epoch apart"
    );
    assert_eq!(
        refused(Mode::Append, json!({"path": "out", "roll": {}})).await,
        "`roll` belongs to `layout: rolling`"
    );
    assert!(
        refused(Mode::Complete, json!({"path": "out", "layout": "rolling"}))
            .await
            .contains("layout: table")
    );
    let options = json!({"path": "out", "layout": "batches"});
    assert!(
        Bench::new(home.path(), "json", Mode::Update, options)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_file_of_somebody_else_is_not_overwritten() {
    let home = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(home.path(), "json", Mode::Complete, json!({"path": "out"}))
        .await
        .unwrap();
    fs::write(home.path().join("out/part-0-0.json"), "theirs").unwrap();
    bench.write(0, "1\n").await;
    let prepared = bench.prepare(&epoch(0, false)).await;
    let error = bench
        .sink
        .commit(&epoch(0, false), prepared)
        .await
        .unwrap_err()
        .to_string();
    let reason = "`out/part-0-0.json` is there already, and no list in `out/_azud` knows it: \
                  remove it, or write to another folder";
    assert!(error.ends_with(reason), "{error}");
    assert_eq!(visible(home.path()), ["out/part-0-0.json=theirs"]);
}
