//! Files that more than one process may want.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::Path,
};

use crate::BuildError;

/// Held until the file is dropped, or the process ends. `folder` is what it guards.
pub(crate) fn lock(path: &Path, folder: &Path) -> Result<File, BuildError> {
    let mut options = OpenOptions::new();
    // What another build wrote into it stays until this one has the lock.
    options.read(true).write(true).create(true).truncate(false);
    let file = options.open(path).map_err(BuildError::place(folder))?;
    if file.try_lock().is_err() {
        tracing::info!("waiting for another build in {}", folder.display());
        file.lock().map_err(BuildError::file("lock", path))?;
    }
    Ok(file)
}

/// Writes a file by rename: whoever reads it sees the old one or the new one.
pub(crate) fn place(path: &Path, content: &[u8]) -> Result<(), BuildError> {
    let folder = folder_of(path);
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As any file that is made: what the umask leaves of it.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder
        .tempfile_in(folder)
        .map_err(BuildError::file("write in", folder))?;
    file.write_all(content)
        .map_err(BuildError::file("write", path))?;
    file.persist(path)
        .map_err(|error| BuildError::file("write", path)(error.error))?;
    Ok(())
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}
