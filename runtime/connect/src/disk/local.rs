//! The machine's own file system.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::{Disk, DiskFile, Entry};

/// The machine's own file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalDisk;

#[derive(Debug)]
struct LocalFile {
    file: File,
    bytes: u64,
}

// === impl LocalDisk ===

impl Disk for LocalDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        is_file(path)?;
        fs::read(path)
    }

    fn read_at(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        is_file(path)?;
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        // What the file does not have is not allocated for.
        let there = file.metadata()?.len().saturating_sub(offset);
        let there = usize::try_from(there).unwrap_or(length);
        let mut bytes = Vec::with_capacity(there.min(length));
        file.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            // What was removed meanwhile is not there.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            found.push(Entry {
                name: entry.file_name().to_string_lossy().into_owned(),
                bytes: if metadata.is_dir() { 0 } else { metadata.len() },
                is_folder: metadata.is_dir(),
            });
        }
        found.sort();
        Ok(found)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = File::create(path)?;
        Ok(Box::new(LocalFile { file, bytes: 0 }))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        is_file(path)?;
        let mut file = File::options().write(true).open(path)?;
        let bytes = file.seek(SeekFrom::End(0))?;
        Ok(Box::new(LocalFile { file, bytes }))
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        let above = folder.parent().filter(|above| *above != Path::new(""));
        if let Some(above) = above {
            self.make_folder(above)?;
        }
        match fs::create_dir(folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        self.sync_folder(above.unwrap_or(Path::new(".")))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        // A rename replaces; a link does not.
        fs::hard_link(from, to)?;
        fs::remove_file(from)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

/// A pipe would be waited for, and a device has no end.
fn is_file(path: &Path) -> io::Result<()> {
    match fs::metadata(path)?.is_file() {
        true => Ok(()),
        false => Err(io::Error::new(ErrorKind::InvalidInput, "it is no file")),
    }
}

// === impl LocalFile ===

impl DiskFile for LocalFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.bytes = self.file.seek(SeekFrom::Start(length))?;
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::super::{write_new, write_whole};
    use super::*;

    #[test]
    fn files_are_written_as_a_whole_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        let disk = LocalDisk;
        disk.make_folder(&deep).unwrap();
        let path = deep.join("one");
        write_whole(&disk, &path, b"first").unwrap();
        write_whole(&disk, &path, b"second").unwrap();
        assert_eq!(disk.read(&path).unwrap(), b"second");
        assert_eq!(disk.read_at(&path, 2, 100).unwrap(), b"cond");
        let again = write_new(&disk, &path, b"third").unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyExists);
        let mut file = disk.append(&path).unwrap();
        file.write(b"!?").unwrap();
        file.truncate(7).unwrap();
        file.write(b".").unwrap();
        assert_eq!(file.bytes(), 8);
        assert_eq!(disk.read(&path).unwrap(), b"second!.");
        let names: Vec<_> = disk.list(&deep).unwrap();
        let names: Vec<_> = names.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["one", "one.tmp"]);
        assert!(disk.list(&deep.join("none")).unwrap().is_empty());
        disk.remove(&path).unwrap();
        disk.remove(&path).unwrap();
    }
}
