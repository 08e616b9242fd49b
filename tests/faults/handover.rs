//! A plugin with transactions is replaced by another version while an epoch of the old one
//! is recorded and not committed: the old one commits it, once, and the new one goes on.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::data::{Row, files};
use crate::process::{finish, log, refused, start, wait};
use crate::verdict::{Verdict, lines};

/// Rows of a file, and how many are an epoch's.
const ROWS: u64 = 4_000;

struct Case {
    folder: tempfile::TempDir,
    rows: Vec<Row>,
}

const CONFIG: &str = "config: { folder: guest, journal: told }";

fn build(place: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(place);
    std::fs::read(azud_build::build(&folder, None).unwrap()).unwrap()
}

/// The guest; each version has another digest, and does the same.
fn component(version: u8) -> Vec<u8> {
    let mut bytes = build("tests/guests/epochs-files");
    // A custom section: its size, the length of its name, its name, what it says.
    bytes.extend([0, 3, 1, b'v', version]);
    bytes
}

// === impl Case ===

impl Case {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["guest", "told"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let rows = files(&folder.path().join("in"), 3, 2, ROWS);
        let case = Self { folder, rows };
        case.write(CONFIG);
        case
    }

    fn write(&self, config: &str) {
        let manifest = format!(
            r#"
name: handed-over
trigger: once
checkpoint: {{ to: ./state }}
sources:
  rows:
    file: {{ path: ./in, max_rows: 1000 }}
    format: json
    schema: {{ partition: bigint, sequence: bigint, key: string, ts: bigint, checksum: bigint }}
sinks:
  guest: {{ from: rows, plugin: files, {config} }}
plugins:
  files: {{ path: plugin.wasm, grants: {{ http: [], dirs: {{ guest: write, told: write }} }} }}
"#
        );
        std::fs::write(self.path().join("p.yaml"), manifest).unwrap();
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn install(&self, version: u8) {
        std::fs::write(self.path().join("plugin.wasm"), component(version)).unwrap();
    }

    /// Runs until it is killed at a point.
    fn kill(&self, at: &str) {
        let status = wait(&mut start(self.path(), Some(at), &[]), self.path());
        assert!(!status.success(), "{at}: {}", log(self.path()));
    }

    /// What was called since this was asked last.
    fn calls(&self) -> Vec<String> {
        let path = self.path().join("told/calls.txt");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(&path, "").unwrap();
        let call = |line: &str| {
            let words = line.split(' ').filter(|word| !word.starts_with("run="));
            words.collect::<Vec<_>>().join(" ")
        };
        text.lines().map(call).collect()
    }

    fn components(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.path().join("state/components"));
        let mut paths: Vec<PathBuf> = entries.unwrap().map(|one| one.unwrap().path()).collect();
        paths.sort();
        paths
    }

    /// What `azud plan --against` says.
    fn against(&self) -> (bool, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_azud"))
            .current_dir(self.path())
            .args(["plan", "p.yaml", "--against", "./state"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.success(), text)
    }

    fn verdict(&self) {
        let mut parts: Vec<(u64, PathBuf)> = Vec::new();
        for entry in std::fs::read_dir(self.path().join("guest")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let number = name
                .strip_prefix("part-")
                .and_then(|name| name.strip_suffix(".json"));
            let number = number.unwrap_or_else(|| panic!("{name} is left over"));
            parts.push((number.parse().unwrap(), path.clone()));
        }
        parts.sort();
        let lines = parts.iter().flat_map(|(_, path)| lines(path));
        let found: Vec<Row> = lines.map(|line| Row::of_json(&line)).collect();
        let verdict = Verdict::of(&self.rows, &found);
        assert!(verdict.is_good(), "{verdict}\n{}", log(self.path()));
    }
}

#[test]
fn the_old_version_commits_what_it_has_prepared() {
    for point in ["after-record:3", "before-commit:3"] {
        let case = Case::new();
        case.install(1);
        case.kill(point);
        assert_eq!(case.calls().last().unwrap(), "prepare 2", "{point}");
        case.install(2);
        let (fits, said) = case.against();
        let expected = "another version of its plugin; epoch 2 is committed by the old one first";
        assert!(fits && said.contains(expected), "{said}");
        assert_eq!(case.calls(), [""; 0], "looking changes nothing");
        finish(case.path(), &[]);
        let calls = case.calls();
        let expected = [
            "recover sink=guest last=2",
            "commit 2",
            "recover sink=guest last=2", // the new one
            "write 500",
        ];
        assert_eq!(calls.get(..4).unwrap(), expected, "{point}");
        case.verdict();
        // All that is left of the old one is what the records that are kept name.
        assert_eq!(case.components().len(), 2);
    }
}

/// The second kill comes between the two versions; the third run is another one again.
#[test]
fn it_is_killed_again_between_the_two() {
    let case = Case::new();
    case.install(1);
    case.kill("after-record:2");
    case.install(2);
    case.kill("after-handover:1");
    case.calls();
    case.install(3);
    // The second version is unknown: it has recorded nothing.
    case.kill("before-record:2");
    let calls = case.calls();
    let expected = [
        "recover sink=guest last=1",
        "commit 1",
        "recover sink=guest last=1",
        "write 500",
    ];
    assert_eq!(calls.get(..4).unwrap(), expected);
    assert_eq!(case.components().len(), 2);
    case.install(1);
    finish(case.path(), &[]);
    case.verdict();
}

#[test]
fn where_all_is_committed_the_new_version_is_told_the_last_epoch() {
    let case = Case::new();
    case.install(1);
    finish(case.path(), &[]);
    let last = case
        .calls()
        .into_iter()
        .rev()
        .find(|call| call.starts_with("commit"));
    let last: u64 = last
        .unwrap()
        .strip_prefix("commit ")
        .unwrap()
        .parse()
        .unwrap();
    case.install(2);
    let (fits, said) = case.against();
    assert!(
        fits && said.contains("another version of its plugin: sha256"),
        "{said}"
    );
    finish(case.path(), &[]);
    // It has nothing to commit, and finds that there is nothing new to write either.
    let calls = case.calls();
    assert_eq!(
        calls.first().unwrap(),
        &format!("recover sink=guest last={last}")
    );
    assert!(
        !calls.iter().any(|call| call.starts_with("commit")),
        "{calls:?}"
    );
    case.verdict();
}

#[test]
fn an_old_version_that_is_damaged_gone_or_refuses_is_named() {
    let case = Case::new();
    case.install(1);
    case.kill("after-record:3");
    case.install(2);
    let kept = case.components();
    let [kept] = kept.as_slice() else {
        panic!("{kept:?}");
    };
    let place = format!(
        "./state/components/{}",
        kept.file_name().unwrap().to_str().unwrap()
    );
    let whole = std::fs::read(kept).unwrap();
    let refusal = [
        "it has another version of its plugin, and epoch 2, with ",
        " rows of it, may not be committed there yet: run the manifest as it was once more, or \
         these rows are lost; the old version cannot commit it first",
    ];
    let refused = |why: &str| {
        let said = refused(case.path(), &[]);
        let told = refusal.iter().all(|part| said.contains(part));
        assert!(told && said.contains(why), "{said}");
        let (fits, said) = case.against();
        assert!(!fits && said.contains(why), "{said}");
    };

    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    std::fs::write(kept, &damaged).unwrap();
    let name = place.strip_prefix("./").unwrap();
    refused(&format!(
        "{name}` is damaged: its {} bytes have the sha256",
        whole.len()
    ));
    std::fs::remove_file(kept).unwrap();
    refused(&format!("{name}` is not there"));

    // What the new one is told need not be what the old one understands.
    std::fs::write(kept, &whole).unwrap();
    std::fs::write(case.path().join("plugin.wasm"), build("plugins/http-post")).unwrap();
    case.write(r#"config: { url: "http://127.0.0.1:1/" }"#);
    refused(&format!("{name}` cannot be opened: "));

    // As it was, it needs nothing that is kept.
    std::fs::remove_file(kept).unwrap();
    case.write(CONFIG);
    case.install(1);
    finish(case.path(), &[]);
    assert_eq!(case.components().len(), 1);
    case.verdict();
}
