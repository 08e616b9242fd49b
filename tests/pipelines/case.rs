//! One case: copies its folder, runs the binary there, compares.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// Runs a case at every parallelism that it names.
pub(crate) fn run(case: &Path) -> Result<(), String> {
    let lanes = fs::read_to_string(case.join("parallelism")).unwrap_or_default();
    let lanes: Vec<&str> = lanes.split_whitespace().collect();
    match lanes.is_empty() {
        true => run_once(case, None),
        false => lanes.iter().try_for_each(|lanes| {
            run_once(case, Some(lanes)).map_err(|error| format!("parallelism {lanes}: {error}"))
        }),
    }
}

fn run_once(case: &Path, lanes: Option<&str>) -> Result<(), String> {
    let copy = tempfile::tempdir().map_err(|error| error.to_string())?;
    let is_expected = |name: &str| {
        [
            "out",
            "out-set.txt",
            "stdout.txt",
            "stdout-set.txt",
            "stderr.txt",
            "exit",
            "args",
        ]
        .contains(&name)
    };
    copy_folder(case, copy.path(), &is_expected);
    // A sink that is granted the folder expects it.
    if case.join("out/.keep").exists() {
        fs::create_dir(copy.path().join("out")).unwrap();
        fs::write(copy.path().join("out/.keep"), "").unwrap();
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let repository = repository.canonicalize().unwrap();
    let arguments = fs::read_to_string(case.join("args"));
    let arguments = arguments.unwrap_or_else(|_| "run pipeline.yaml".into());
    let output = Command::new(env!("CARGO_BIN_EXE_azud"))
        .args(arguments.split_whitespace())
        .current_dir(copy.path())
        .env("PLUGINS", repository.join("plugins"))
        .env("GUESTS", repository.join("tests/guests"))
        .env("LANES", lanes.unwrap_or("2"))
        .env("TZ", "UTC")
        .env("NO_COLOR", "1")
        .output()
        .map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));

    let expected = fs::read_to_string(case.join("exit")).unwrap_or_else(|_| "0".into());
    let exit = output
        .status
        .code()
        .map_or("none".to_owned(), |code| code.to_string());
    if exit != expected.trim() {
        return Err(format!(
            "exit code {exit} instead of {}\n{stdout}\n{stderr}",
            expected.trim()
        ));
    }
    let errors: String = stderr
        .lines()
        .filter(|line| !is_log(line))
        .map(|line| format!("{line}\n"))
        .collect();
    compare(case, "stderr.txt", &errors, false)?;
    match case.join("stdout-set.txt").exists() {
        true => compare(case, "stdout-set.txt", &stdout, true)?,
        false => compare(case, "stdout.txt", &stdout, false)?,
    }
    compare_files(case, copy.path())
}

/// Lines of the log, which may name times and places.
fn is_log(line: &str) -> bool {
    let line = line.trim_start();
    ["INFO ", "WARN ", "DEBUG "]
        .iter()
        .any(|level| line.starts_with(level))
}

/// Without a file for it, nothing may have come.
fn compare(case: &Path, file: &str, actual: &str, as_set: bool) -> Result<(), String> {
    let path = case.join(file);
    if std::env::var_os("BLESS").is_some() && (path.exists() || !actual.is_empty()) {
        fs::write(&path, actual).map_err(|error| error.to_string())?;
        return Ok(());
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let same = match as_set {
        true => sorted(&expected) == sorted(actual),
        false => expected == actual,
    };
    match same {
        true => Ok(()),
        false => Err(format!(
            "{file} differs\n--- expected\n{expected}\n--- actual\n{actual}"
        )),
    }
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

fn compare_files(case: &Path, copy: &Path) -> Result<(), String> {
    let actual = files(&copy.join("out"));
    if case.join("out-set.txt").exists() {
        let all: String = actual.values().map(String::as_str).collect();
        return compare(case, "out-set.txt", &all, true);
    }
    if std::env::var_os("BLESS").is_some() && case.join("out").exists() {
        fs::remove_dir_all(case.join("out")).map_err(|error| error.to_string())?;
        copy_folder(&copy.join("out"), &case.join("out"), &|name| {
            name == "_azud"
        });
        return Ok(());
    }
    if !case.join("out").exists() {
        return Ok(());
    }
    let expected = files(&case.join("out"));
    match expected == actual {
        true => Ok(()),
        false => Err(format!(
            "out/ differs\n--- expected\n{expected:#?}\n--- actual\n{actual:#?}"
        )),
    }
}

/// Visible files with their text: what other programs would read.
fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return found;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = PathBuf::from(path.file_name().unwrap());
        let hidden = name.to_string_lossy().starts_with(['.', '_']);
        if path.is_dir() && !hidden {
            found.extend(
                files(&path)
                    .into_iter()
                    .map(|(file, text)| (name.join(file), text)),
            );
        } else if !hidden {
            found.insert(
                name,
                String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned(),
            );
        }
    }
    found
}

fn copy_folder(from: &Path, to: &Path, leave: &dyn Fn(&str) -> bool) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if leave(&name) {
            continue;
        }
        match path.is_dir() {
            true => copy_folder(&path, &to.join(&name), &|_| false),
            false => copy_file(&path, &to.join(&name)),
        }
    }
}

/// All files are of the same age, so that they are read in the order of their names.
fn copy_file(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap();
    let age = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    fs::File::options()
        .write(true)
        .open(to)
        .unwrap()
        .set_modified(age)
        .unwrap();
}
