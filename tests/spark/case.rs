//! One case: its batches as files, one an epoch, and the rows that come of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::rows::rows;

#[derive(Deserialize)]
pub(crate) struct Case {
    /// Of the one source `events`, where there are no `sources`.
    #[serde(flatten)]
    events: Option<Source>,
    #[serde(default)]
    sources: BTreeMap<String, Source>,
    /// The rows of `events`, or of each source under its name.
    batches: Vec<Batch>,
    /// Queries that others read, in their order.
    #[serde(default)]
    views: Map<String, Value>,
    dedupe: Option<Dedupe>,
    sql: String,
    /// Whether the order of rows counts.
    #[serde(default)]
    ordered: bool,
    /// The rows of each mode that it is run in.
    #[serde(default)]
    expected: BTreeMap<String, Vec<Value>>,
    /// What Spark says of the modes that it refuses.
    #[serde(default)]
    refused: BTreeMap<String, String>,
    /// Whether Azud is to refuse what Spark refuses: the name says so.
    #[serde(skip)]
    is_refused: bool,
    /// Instead of all that, where Azud means to differ.
    #[serde(default)]
    azud: BTreeMap<String, Option<Vec<Value>>>,
}

#[derive(Deserialize)]
struct Source {
    schema: Map<String, Value>,
    delay: Option<String>,
    time: Option<String>,
    /// Of a static one.
    rows: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Batch {
    Events(Vec<Value>),
    Sources(BTreeMap<String, Vec<Value>>),
}

/// `dropDuplicates` of the table `from`, read as `deduped`.
#[derive(Deserialize)]
struct Dedupe {
    from: String,
    columns: Option<Vec<String>>,
    #[serde(default)]
    within_watermark: bool,
}

// === impl Case ===

impl Case {
    pub(crate) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let mut case: Self = serde_json::from_str(&text)
            .map_err(|error| format!("{}: {error}", path.display()))
            .unwrap();
        let name = path.file_stem().unwrap().to_string_lossy();
        case.is_refused = name.starts_with("refused-");
        case
    }

    /// The modes that it is run in.
    pub(crate) fn modes(&self) -> BTreeSet<String> {
        let modes = self.expected.keys().chain(self.azud.keys());
        // Elsewhere Azud may do what Spark refuses.
        let refused = self.refused.keys().filter(|_| self.is_refused);
        modes.chain(refused).cloned().collect()
    }

    pub(crate) fn run(&self, mode: &str, lanes: usize) -> Result<(), String> {
        let folder = self.folder(mode, lanes, "");
        let expected = match self.azud.get(mode) {
            Some(own) => own.as_ref(),
            None => self.expected.get(mode),
        };
        let Some(expected) = expected else {
            let output = azud(folder.path(), "check");
            return match output.status.code() {
                Some(2) => Ok(()),
                _ => Err(format!("not refused: {}", self.sql)),
            };
        };
        finish(folder.path(), &format!("{lanes} lanes"))?;
        self.compare(folder.path(), expected, &format!("{lanes} lanes"))
    }

    /// The same over a checkpoint, killed at a point as often as it is passed, and gone on with
    /// in other lanes. What Azud refuses is not run.
    pub(crate) fn killed(&self, mode: &str, kill_at: &str) -> Result<(), String> {
        let expected = match self.azud.get(mode) {
            Some(own) => own.as_ref(),
            None => self.expected.get(mode),
        };
        let Some(expected) = expected else {
            return Ok(());
        };
        let folder = self.folder(mode, 1, CHECKPOINT);
        // A short run does not come there so often, and ends.
        command(folder.path(), "run")
            .env("AZUD_KILL_AT", kill_at)
            .output()
            .unwrap();
        let manifest = self.manifest(mode, 3, CHECKPOINT);
        fs::write(folder.path().join("pipeline.yaml"), &manifest).unwrap();
        let what = format!("killed at {kill_at}");
        finish(folder.path(), &what)?;
        self.compare(folder.path(), expected, &what)
    }

    /// A folder with everything that a run needs.
    fn folder(&self, mode: &str, lanes: usize, more: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        self.write(folder.path());
        let manifest = self.manifest(mode, lanes, more);
        fs::write(folder.path().join("pipeline.yaml"), &manifest).unwrap();
        folder
    }

    fn compare(&self, folder: &Path, expected: &[Value], what: &str) -> Result<(), String> {
        let mut missing: Vec<String> = expected.iter().map(Value::to_string).collect();
        let mut surplus = Vec::new();
        let found = rows(&folder.join("out"));
        if self.ordered && found != missing {
            return Err(format!(
                "{what}: {}\nexpected: {missing:#?}\nfound: {found:#?}",
                self.sql
            ));
        }
        for row in found {
            match missing.iter().position(|expected| *expected == row) {
                Some(place) => drop(missing.swap_remove(place)),
                None => surplus.push(row),
            }
        }
        match missing.is_empty() && surplus.is_empty() {
            true => Ok(()),
            false => Err(format!(
                "{what}: {}\nmissing: {missing:#?}\nsurplus: {surplus:#?}",
                self.sql
            )),
        }
    }

    /// By name; `events` alone where they have none.
    fn sources(&self) -> BTreeMap<&str, &Source> {
        if self.sources.is_empty() {
            let events = self.events.as_ref().unwrap();
            return BTreeMap::from([("events", events)]);
        }
        let sources = self.sources.iter();
        sources.map(|(name, own)| (name.as_str(), own)).collect()
    }

    /// The files of the batches, each younger than the one before: the oldest is read first.
    fn write(&self, folder: &Path) {
        for (name, source) in self.sources() {
            let folder = folder.join(name);
            fs::create_dir(&folder).unwrap();
            if let Some(rows) = &source.rows {
                let rows: String = rows.iter().map(|row| format!("{row}\n")).collect();
                fs::write(folder.join("rows.json"), rows).unwrap();
                continue;
            }
            let mut age = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
            for (number, batch) in self.batches.iter().enumerate() {
                let batch = match batch {
                    Batch::Events(rows) => rows.as_slice(),
                    Batch::Sources(of) => of.get(name).map_or(&[][..], Vec::as_slice),
                };
                let path = folder.join(format!("{number:03}.json"));
                let rows: String = batch.iter().map(|row| format!("{row}\n")).collect();
                fs::write(&path, rows).unwrap();
                let file = fs::File::options().write(true).open(&path).unwrap();
                file.set_modified(age).unwrap();
                age += Duration::from_secs(1);
            }
        }
    }

    /// What is JSON is YAML too, so that nothing need be quoted here.
    fn manifest(&self, mode: &str, lanes: usize, more: &str) -> String {
        // A table takes no updates: a changed row would stand beside its old self.
        let layout = match mode {
            "update" => "batches",
            _ => "table",
        };
        // Windows that are open at the end stay open in Spark.
        let mut manifest = format!(
            "name: spark\ntrigger: once\nat_end: keep\nparallelism: {lanes}\n{more}sources:\n"
        );
        for (name, source) in self.sources() {
            let schema = Value::from(source.schema.clone());
            manifest += &format!(
                "  {name}:\n    file: {{ path: ./{name}, max_files: 1 }}\n    format: json\n    schema: {schema}\n"
            );
            if source.rows.is_some() {
                manifest += "    static: true\n";
            }
            if let Some(delay) = &source.delay {
                let time = source.time.as_deref().unwrap_or("ts");
                manifest += &format!("    time: {{ column: {time}, delay: {delay} }}\n");
            }
        }
        manifest += "transforms:\n";
        for (name, sql) in &self.views {
            manifest += &format!("  {name}: {{ sql: {sql} }}\n");
        }
        if let Some(dedupe) = &self.dedupe {
            manifest += &format!("  deduped: {{ sql: {} }}\n", Value::from(dedupe.sql()));
        }
        let sql = Value::from(self.sql.as_str());
        manifest
            + &format!(
                "  result: {{ sql: {sql} }}
sinks:
  out: {{ from: result, file: {{ path: ./out/rows, layout: {layout} }}, format: json, mode: {mode} }}
"
            )
    }
}

// === impl Dedupe ===

impl Dedupe {
    fn sql(&self) -> String {
        let name = match self.within_watermark {
            true => "dropDuplicatesWithinWatermark",
            false => "dropDuplicates",
        };
        let arguments: Vec<&str> = std::iter::once(self.from.as_str())
            .chain(self.columns.iter().flatten().map(String::as_str))
            .collect();
        format!("SELECT * FROM {name}({})", arguments.join(", "))
    }
}

/// For the manifest.
const CHECKPOINT: &str = "checkpoint: { to: ./state }\n";

fn finish(folder: &Path, what: &str) -> Result<(), String> {
    let output = azud(folder, "run");
    match output.status.success() {
        true => Ok(()),
        false => {
            let errors = String::from_utf8_lossy(&output.stderr);
            Err(format!("{what}: {}\n{errors}", output.status))
        }
    }
}

fn azud(folder: &Path, command: &str) -> Output {
    self::command(folder, command).output().unwrap()
}

fn command(folder: &Path, command: &str) -> Command {
    let mut azud = Command::new(env!("CARGO_BIN_EXE_azud"));
    azud.args([command, "pipeline.yaml"])
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env_remove("AZUD_KILL_AT");
    azud
}
