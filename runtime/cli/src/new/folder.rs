//! A new folder and the files in it.

use std::fs;
use std::io;
use std::path::Path;

use crate::failure::Failure;

/// A file of a template, with what it is for.
pub(crate) struct File {
    pub(crate) path: &'static str,
    pub(crate) text: String,
    pub(crate) what: &'static str,
}

// === impl File ===

impl File {
    pub(crate) fn new(path: &'static str, text: impl Into<String>, what: &'static str) -> Self {
        Self {
            path,
            text: text.into(),
            what,
        }
    }
}

/// Makes the folder, with those above it. One that has something in it is left alone.
pub(crate) fn make(folder: &Path) -> Result<(), Failure> {
    if folder.is_file() {
        let shown = folder.display();
        return Err(Failure::Input(format!(
            "cannot make the folder {shown}: a file of that name is there; choose another name"
        )));
    }
    fs::create_dir_all(folder).map_err(|error| cannot("make the folder", folder, &error))?;
    let mut entries = fs::read_dir(folder).map_err(|error| cannot("look into", folder, &error))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(Failure::Input(format!(
            "{} is there already, and not empty; choose another name",
            folder.display()
        ))),
    }
}

/// Writes a file in the folder, and the folders above it.
pub(crate) fn write(folder: &Path, file: &str, content: &[u8]) -> Result<(), Failure> {
    let path = folder.join(file);
    let above = path.parent().unwrap_or(folder);
    fs::create_dir_all(above).map_err(|error| cannot("make the folder", above, &error))?;
    fs::write(&path, content).map_err(|error| cannot("write", &path, &error))
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::Input(format!("cannot {what} {}: {error}", path.display()))
}
