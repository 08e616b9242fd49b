//! What a run left behind.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// The rows of all visible files below a folder, written as the expected ones are.
pub(crate) fn rows(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with(['.', '_']) {
            continue;
        }
        if path.is_dir() {
            found.extend(rows(&path));
            continue;
        }
        for line in fs::read_to_string(&path).unwrap().lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            found.push(row.to_string());
        }
    }
    found
}
