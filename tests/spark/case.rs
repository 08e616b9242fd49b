//! One case: its batches as files, one an epoch, and the rows that come of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::rows::rows;

#[derive(Deserialize)]
pub(crate) struct Case {
    schema: Map<String, Value>,
    delay: String,
    batches: Vec<Vec<Value>>,
    sql: String,
    /// The rows of each mode that it is run in.
    pub(crate) expected: BTreeMap<String, Vec<Value>>,
    /// Instead of them, where Azud means to differ.
    #[serde(default)]
    azud: BTreeMap<String, Vec<Value>>,
}

// === impl Case ===

impl Case {
    pub(crate) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        serde_json::from_str(&text)
            .map_err(|error| format!("{}: {error}", path.display()))
            .unwrap()
    }

    pub(crate) fn run(&self, mode: &str, lanes: usize) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        self.write(folder.path());
        let manifest = self.manifest(mode, lanes);
        fs::write(folder.path().join("pipeline.yaml"), manifest).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_azud"))
            .args(["run", "pipeline.yaml"])
            .current_dir(folder.path())
            .env("NO_COLOR", "1")
            .output()
            .unwrap();
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{lanes} lanes: {}\n{errors}", output.status));
        }
        let expected = self.azud.get(mode).or_else(|| self.expected.get(mode));
        let expected = expected.into_iter().flatten();
        let mut missing: Vec<String> = expected.map(Value::to_string).collect();
        let mut surplus = Vec::new();
        for row in rows(&folder.path().join("out")) {
            match missing.iter().position(|expected| *expected == row) {
                Some(place) => drop(missing.swap_remove(place)),
                None => surplus.push(row),
            }
        }
        match missing.is_empty() && surplus.is_empty() {
            true => Ok(()),
            false => Err(format!(
                "{lanes} lanes: {}\nmissing: {missing:#?}\nsurplus: {surplus:#?}",
                self.sql
            )),
        }
    }

    /// The files of the batches, each younger than the one before: the oldest is read first.
    fn write(&self, folder: &Path) {
        let folder = folder.join("in");
        fs::create_dir(&folder).unwrap();
        let mut age = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        for (number, batch) in self.batches.iter().enumerate() {
            let path = folder.join(format!("{number:03}.json"));
            let rows: String = batch.iter().map(|row| format!("{row}\n")).collect();
            fs::write(&path, rows).unwrap();
            let file = fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(age).unwrap();
            age += Duration::from_secs(1);
        }
    }

    /// What is JSON is YAML too, so that nothing need be quoted here.
    fn manifest(&self, mode: &str, lanes: usize) -> String {
        // A table takes no updates: a changed row would stand beside its old self.
        let layout = match mode {
            "update" => "batches",
            _ => "table",
        };
        let schema = Value::from(self.schema.clone());
        let sql = Value::from(self.sql.as_str());
        let delay = &self.delay;
        // Windows that are open at the end stay open in Spark.
        format!(
            "name: windows
trigger: once
at_end: keep
parallelism: {lanes}
sources:
  events:
    file: {{ path: ./in, max_files: 1 }}
    format: json
    schema: {schema}
    time: {{ column: ts, delay: {delay} }}
transforms:
  result: {{ sql: {sql} }}
sinks:
  out: {{ from: result, file: {{ path: ./out/rows, layout: {layout} }}, format: json, mode: {mode} }}
"
        )
    }
}
