//! A process that dies at any step, comes back, and may die again.

use std::collections::BTreeMap;

use azud_connect::{Recorded, Recovery};

use super::super::file_sink::FileSink;
use super::*;

pub(super) const RUN: &str = "4f1c";

/// A sink of a pipeline with a checkpoint.
pub(super) fn sink(home: &Path, mode: Mode, options: &Value, lanes: usize) -> FileSink {
    let clock = Arc::new(ManualClock::at(0));
    let context = SinkContext {
        pipeline: "test".into(),
        checkpointed: true,
        group: None,
        lanes,
        ..context(home, "text", mode, &clock)
    };
    let options = azud_connect::options(options.clone()).unwrap();
    super::super::make::build(&options, context).unwrap()
}

pub(super) fn recovery(last: Option<Recorded>) -> Recovery {
    Recovery {
        run: RUN.to_owned(),
        generation: 0,
        epoch: last.as_ref().map(|last| last.epoch.number),
        last,
        allow_reset: false,
    }
}

/// What outlives a process: the checkpoint. And how often there was one.
#[derive(Clone, Debug, Default)]
struct Checkpoint {
    last: Option<Recorded>,
    starts: i64,
}

/// A pipeline of so many epochs, each of three rows.
#[derive(Clone, Debug)]
struct Case {
    mode: Mode,
    options: Value,
    epochs: u64,
}

fn case(mode: Mode, options: Value) -> Case {
    Case {
        mode,
        options,
        epochs: 4,
    }
}

fn rows(epoch: u64) -> [String; 3] {
    ["a", "b", "c"].map(|row| format!("{epoch}{row}"))
}

impl Case {
    /// One process: recovers, and runs to the end or until it dies. Answers how
    /// many steps it made.
    async fn start(
        &self,
        home: &Path,
        checkpoint: &mut Checkpoint,
        lanes: usize,
        dies_after: Option<usize>,
    ) -> Result<usize> {
        let sink = sink(home, self.mode, &self.options, lanes);
        if let Some(steps) = dies_after {
            sink.paths.steps.probe.die_after(steps);
        }
        checkpoint.starts += 1;
        let outcome = self.run(&sink, checkpoint, lanes).await;
        let steps = sink.paths.steps.probe.take(home).len();
        outcome.map(|()| steps)
    }

    async fn run(&self, sink: &FileSink, checkpoint: &mut Checkpoint, lanes: usize) -> Result<()> {
        sink.recover(&recovery(checkpoint.last.clone())).await?;
        if let Some(last) = &checkpoint.last {
            sink.commit(&last.epoch, last.prepared.clone()).await?;
            sink.commit(&last.epoch, last.prepared.clone()).await?;
        }
        let schema = Arc::new(arrow::datatypes::Schema::empty());
        let mut writers = Vec::new();
        for lane in 0..lanes {
            writers.push(sink.writer(lane, schema.clone()).await?);
        }
        let first = checkpoint
            .last
            .as_ref()
            .map_or(0, |last| last.epoch.number + 1);
        for number in first..self.epochs {
            let epoch = Epoch {
                time_ms: 1000 + number as i64 * 1000 + checkpoint.starts,
                ..epoch(number, number + 1 == self.epochs)
            };
            for (n, row) in rows(number).iter().enumerate() {
                let bytes = format!("{row}\n").into_bytes().into();
                let output = Output::Encoded { rows: 1, bytes };
                writers[n % lanes].write(output).await?;
            }
            let mut prepared = Vec::new();
            for writer in &mut writers {
                prepared.push(writer.prepare(&epoch).await?);
            }
            checkpoint.last = Some(Recorded {
                epoch,
                prepared: prepared.clone(),
            });
            sink.commit(&epoch, prepared).await?;
        }
        Ok(())
    }

    /// What a reader of files finds, as sorted rows; panics at what is torn.
    fn visible(&self, home: &Path) -> Vec<String> {
        let files = tree(home).into_iter().filter(|(name, _)| {
            !name.contains("_azud/") && !name.starts_with(".out") && !name.ends_with("_SUCCESS")
        });
        sorted(files.map(|(_, content)| content))
    }

    /// What a reader of lists finds.
    fn listed(&self, home: &Path) -> Vec<String> {
        let mut lists = BTreeMap::new();
        let out = home.join("out");
        let files = if out.exists() { tree(&out) } else { Vec::new() };
        for (name, content) in files {
            let number = name
                .strip_prefix("_azud/")
                .and_then(|name| name.strip_suffix(".json"));
            if let Some(number) = number.and_then(|number| number.parse::<u64>().ok()) {
                let list: Value = serde_json::from_str(&content).unwrap();
                assert_eq!(list["run"], RUN);
                lists.insert(number, list);
            }
        }
        let lists: Vec<Value> = match self.mode {
            Mode::Complete => lists.into_values().last().into_iter().collect(),
            _ => lists.into_values().collect(),
        };
        let files = lists
            .iter()
            .flat_map(|list| list["files"].as_array().unwrap());
        sorted(files.map(|file| {
            let path = home.join("out").join(file["name"].as_str().unwrap());
            let content = fs::read_to_string(path).unwrap();
            assert_eq!(content.len() as u64, file["bytes"].as_u64().unwrap());
            assert_eq!(
                content.lines().count() as u64,
                file["rows"].as_u64().unwrap()
            );
            content
        }))
    }

    /// All rows that epochs before `end` have made visible.
    fn rows(&self, end: u64) -> Vec<String> {
        let begin = match self.mode {
            Mode::Complete => end.saturating_sub(1),
            _ => 0,
        };
        let mut all: Vec<String> = (begin..end).flat_map(rows).collect();
        all.sort();
        all
    }

    fn is_rolling(&self) -> bool {
        self.options["layout"] == "rolling"
    }

    fn is_batches(&self) -> bool {
        self.options["layout"] == "batches"
    }

    /// What must hold while nothing runs, whatever has happened.
    fn check_dead(&self, home: &Path, checkpoint: &Checkpoint, what: &str) {
        let recorded = checkpoint
            .last
            .as_ref()
            .map_or(0, |last| last.epoch.number + 1);
        if self.is_batches() {
            let visible = self.visible(home);
            let whole = [recorded.saturating_sub(1), recorded].map(|end| self.rows(end));
            assert!(whole.contains(&visible), "{what}: {visible:?}");
            return;
        }
        // Between its first file and its list an epoch is visible in parts to whoever lists files.
        let all = self.rows(recorded);
        if self.mode == Mode::Append {
            let visible = self.visible(home);
            assert!(
                visible.windows(2).all(|two| two[0] != two[1]),
                "{what}: {visible:?}"
            );
            assert!(
                visible.iter().all(|row| all.contains(row)),
                "{what}: {visible:?}"
            );
        }
        let listed = self.listed(home);
        match self.is_rolling() {
            true => assert!(
                listed.iter().all(|row| all.contains(row)),
                "{what}: {listed:?}"
            ),
            false => {
                let whole = [recorded.saturating_sub(1), recorded].map(|end| self.rows(end));
                assert!(whole.contains(&listed), "{what}: {listed:?}");
            }
        }
    }

    fn check_end(&self, home: &Path, what: &str) {
        assert_eq!(self.visible(home), self.rows(self.epochs), "{what}");
        if !self.is_batches() {
            assert_eq!(self.listed(home), self.rows(self.epochs), "{what}");
        }
        let hidden = if self.is_batches() {
            ".out-azud"
        } else {
            "out/_azud/tmp"
        };
        assert_eq!(names(&home.join(hidden)), ["run.json"], "{what}");
    }
}

fn sorted(contents: impl Iterator<Item = String>) -> Vec<String> {
    let mut rows = Vec::new();
    for content in contents {
        assert!(
            content.is_empty() || content.ends_with('\n'),
            "torn: {content:?}"
        );
        rows.extend(content.lines().map(str::to_owned));
    }
    rows.sort();
    rows
}

/// Where syncs take no time: there are thousands of starts.
fn memory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => tempfile::tempdir_in(memory).unwrap(),
        false => tempfile::tempdir().unwrap(),
    }
}

/// A page cache that was written back beyond what was made durable.
fn tear(home: &Path) {
    for folder in [".out-azud", "out/_azud/tmp"].map(|folder| home.join(folder)) {
        if !folder.exists() {
            continue;
        }
        for name in names(&folder) {
            if name.ends_with(".tmp") && name != "run.json.tmp" {
                let mut file = fs::File::options();
                let mut file = file.append(true).open(folder.join(name)).unwrap();
                std::io::Write::write_all(&mut file, b"never\nto").unwrap();
            }
        }
    }
}

/// The first process dies after every step that there is, and the second one,
/// with another number of lanes, after each of its first steps.
async fn dies_everywhere(case: Case, lanes: [usize; 2], second: usize) {
    let home = memory();
    let mut checkpoint = Checkpoint::default();
    let steps = case
        .start(home.path(), &mut checkpoint, lanes[0], None)
        .await
        .unwrap();
    case.check_end(home.path(), "without a crash");
    let mut recorded = std::collections::BTreeSet::new();
    for first in 0..steps {
        // Without a second crash, and then with one.
        for second in (0..=second).map(|steps| steps.checked_sub(1)) {
            let what = format!("{case:?} dies after {first} steps and then {second:?}");
            let home = memory();
            let mut checkpoint = Checkpoint::default();
            let died = case
                .start(home.path(), &mut checkpoint, lanes[0], Some(first))
                .await;
            assert!(died.is_err(), "{what}");
            recorded.insert(checkpoint.last.as_ref().map(|last| last.epoch.number));
            case.check_dead(home.path(), &checkpoint, &what);
            tear(home.path());
            if second.is_some() {
                let died = case
                    .start(home.path(), &mut checkpoint, lanes[1], second)
                    .await;
                case.check_dead(home.path(), &checkpoint, &what);
                if died.is_err() {
                    tear(home.path());
                }
            }
            let ended = case
                .start(home.path(), &mut checkpoint, lanes[1], None)
                .await;
            assert_eq!(ended.err().map(|error| error.to_string()), None, "{what}");
            case.check_end(home.path(), &what);
        }
    }
    // Every epoch was the last recorded one at a crash, and so was none.
    assert_eq!(recorded.len() as u64, case.epochs + 1);
}

#[tokio::test]
async fn a_table_survives_each_step() {
    let case = case(Mode::Append, json!({"path": "out", "layout": "table"}));
    dies_everywhere(case, [2, 4], 14).await;
}

#[tokio::test]
async fn a_complete_table_survives_each_step() {
    let case = case(Mode::Complete, json!({"path": "out", "layout": "table"}));
    dies_everywhere(case, [2, 1], 14).await;
}

#[tokio::test]
async fn batches_survive_each_step() {
    let case = case(Mode::Append, json!({"path": "out", "layout": "batches"}));
    dies_everywhere(case, [2, 4], 16).await;
}

/// Lane 0 has two rows an epoch, and a complete file every second one.
#[tokio::test]
async fn rolling_files_survive_each_step() {
    let roll = json!({"size": "10B", "every": "1h"});
    let case = case(
        Mode::Append,
        json!({"path": "out", "layout": "rolling", "roll": roll}),
    );
    for lanes in [[2, 1], [2, 4]] {
        dies_everywhere(case.clone(), lanes, 14).await;
    }
}
