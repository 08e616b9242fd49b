//! Gathers the SDK's sources into the program: `azud new plugin` writes them
//! beside the plugin, so that it builds anywhere.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What a plugin's build needs of the SDK. Its tests need the repository.
const PARTS: [&str; 4] = ["Cargo.toml", "README.md", "src", "wit"];

fn main() -> io::Result<()> {
    let variable = |name: &str| env::var_os(name).map(PathBuf::from).unwrap_or_default();
    let sdk = variable("CARGO_MANIFEST_DIR").join("../../sdk/rust");
    let mut files = Vec::new();
    for part in PARTS {
        // A folder counts with all that is in it: what is added there is found.
        println!("cargo::rerun-if-changed={}", sdk.join(part).display());
        gather(&sdk.join(part), &mut files)?;
    }
    files.sort();
    let mut table = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(&sdk).unwrap_or(file);
        let _ = writeln!(
            table,
            "    ({:?}, include_bytes!({:?})),",
            name.display().to_string(),
            file.display().to_string()
        );
    }
    table.push_str("]\n");
    fs::write(variable("OUT_DIR").join("sdk.rs"), table)
}

fn gather(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        // What an editor leaves beside a file is no part of the SDK.
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && !name.ends_with('~') {
            gather(&entry.path(), files)?;
        }
    }
    Ok(())
}
