//! The house's rules that a machine can check: small files, crates that depend downwards.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const MAX_LINES: usize = 500;

/// A crate may depend on crates of lower layers only.
const LAYERS: &[(&str, u32)] = &[
    ("azud-model", 0),
    ("azud-build", 0),
    ("azud-connect", 1),
    ("azud-manifest", 1),
    ("azud-operators", 1),
    ("azud-sandbox", 1),
    ("azud-sql", 2),
    ("azud-connector-", 2),
    ("azud-engine", 3),
    ("azud", 4),
    ("azud-bench", 4),
];

/// Who alone may use what.
const RESERVED: &[(&str, &[&str])] = &[
    ("wasmtime", &["azud-sandbox"]),
    ("datafusion", &["azud-sql", "azud-operators"]),
];

/// Crates that do no I/O.
const PURE: &[&str] = &["azud-model", "azud-manifest", "azud-sql", "azud-operators"];

#[test]
fn no_source_file_is_longer_than_500_lines() {
    let long: Vec<String> = files(&root(), &["rs", "wit", "sh"])
        .into_iter()
        .filter_map(|file| {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            (lines > MAX_LINES).then(|| format!("{}: {lines} lines", file.display()))
        })
        .collect();
    assert!(
        long.is_empty(),
        "files over {MAX_LINES} lines hold more than one idea: {long:#?}"
    );
}

#[test]
fn crates_depend_downwards_only() {
    let mut wrong = Vec::new();
    for (name, dependencies) in crates() {
        for dependency in dependencies.iter().filter(|one| one.starts_with("azud")) {
            if layer(dependency) >= layer(&name) {
                wrong.push(format!(
                    "{name} depends on {dependency}, which is not below it"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn heavy_crates_have_one_door() {
    let mut wrong = Vec::new();
    for (name, dependencies) in crates() {
        for (reserved, owners) in RESERVED {
            let uses = dependencies.iter().any(|one| one.starts_with(reserved));
            if uses && !owners.contains(&name.as_str()) && !name.starts_with("azud-bench") {
                wrong.push(format!("{name} uses {reserved}: only {owners:?} may"));
            }
        }
        if PURE.contains(&name.as_str()) && dependencies.iter().any(|one| one == "tokio") {
            wrong.push(format!("{name} does no I/O, but uses tokio"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The rules above are worth nothing if no crate is found.
#[test]
fn the_rules_see_every_crate() {
    let found = crates();
    for (name, _) in LAYERS
        .iter()
        .filter(|(name, _)| !name.ends_with('-') && *name != "azud-bench")
    {
        assert!(found.contains_key(*name), "no crate {name}");
    }
}

fn layer(name: &str) -> u32 {
    let fits = |known: &str| name == known || (known.ends_with('-') && name.starts_with(known));
    let found = LAYERS.iter().find(|(known, _)| fits(known));
    match found {
        Some((_, layer)) => *layer,
        None if name.starts_with("azud-bench") => 4,
        None => panic!("{name} has no layer: add it to tests/tidy"),
    }
}

/// Every crate of the workspace with what it depends on outside of tests.
fn crates() -> BTreeMap<String, Vec<String>> {
    let mut crates = BTreeMap::new();
    for folder in ["runtime", "bench"] {
        for file in files(&root().join(folder), &["toml"]) {
            if file.file_name().unwrap() != "Cargo.toml"
                || file.parent().unwrap().ends_with("guest")
            {
                continue;
            }
            let manifest: toml::Table = fs::read_to_string(&file).unwrap().parse().unwrap();
            let Some(package) = manifest.get("package") else {
                continue;
            };
            let name = package["name"].as_str().unwrap().to_owned();
            let dependencies = manifest.get("dependencies").and_then(|one| one.as_table());
            let dependencies = dependencies.map(|one| one.keys().cloned().collect());
            crates.insert(name, dependencies.unwrap_or_default());
        }
    }
    crates
}

fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                found.extend(files(&path, extensions));
            }
        } else if extensions
            .iter()
            .any(|extension| name.ends_with(&format!(".{extension}")))
        {
            found.push(path);
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
