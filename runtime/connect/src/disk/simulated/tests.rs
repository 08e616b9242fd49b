use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use super::super::{Disk, write_new, write_whole};
use super::{Fails, SimulatedDisk};

fn disk() -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    disk.make_folder(Path::new("a/b")).unwrap();
    disk
}

/// All that a power cut may leave of a file.
fn left(disk: &SimulatedDisk, path: &str) -> BTreeSet<Option<Vec<u8>>> {
    let left = |seed| disk.crash(seed).read(Path::new(path)).ok();
    (0..500).map(left).collect()
}

fn set<const N: usize>(these: [Option<&[u8]>; N]) -> BTreeSet<Option<Vec<u8>>> {
    these.map(|one| one.map(<[u8]>::to_vec)).into()
}

#[test]
fn it_is_a_file_system() {
    let disk = disk();
    let path = Path::new("a/b/one");
    write_whole(&disk, path, b"first").unwrap();
    write_whole(&disk, path, b"second").unwrap();
    assert_eq!(disk.read(path).unwrap(), b"second");
    assert_eq!(disk.read_at(path, 2, 100).unwrap(), b"cond");
    assert_eq!(disk.read_at(path, 9, 100).unwrap(), b"");
    let again = write_new(&disk, path, b"third").unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    let mut file = disk.append(path).unwrap();
    file.write(b"!?").unwrap();
    file.truncate(7).unwrap();
    file.write(b".").unwrap();
    assert_eq!(file.bytes(), 8);
    let names = disk.list(Path::new("a/b")).unwrap();
    let names: Vec<_> = names.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["one", "one.tmp"]);
    assert!(disk.list(Path::new("a/none")).unwrap().is_empty());
    assert!(disk.list(Path::new("a")).unwrap()[0].is_folder);
    disk.remove(path).unwrap();
    disk.remove(path).unwrap();
    let none = disk.create(Path::new("c/one")).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::NotFound);
}

#[test]
fn bytes_are_durable_after_their_sync_and_names_after_their_folders() {
    let disk = disk();
    let path = Path::new("a/b/one");
    let mut file = disk.create(path).unwrap();
    file.write(b"x").unwrap();
    assert!(left(&disk, "a/b/one").is_superset(&set([None, Some(b""), Some(b"x")])));
    file.sync().unwrap();
    assert_eq!(left(&disk, "a/b/one"), set([None, Some(b"x")]));
    disk.sync_folder(Path::new("a")).unwrap();
    assert_eq!(left(&disk, "a/b/one"), set([None, Some(b"x")]));
    disk.sync_folder(Path::new("a/b")).unwrap();
    assert_eq!(left(&disk, "a/b/one"), set([Some(b"x")]));
    // What follows the durable bytes never harms them.
    file.write(&[b'y'; 2000]).unwrap();
    let all = left(&disk, "a/b/one");
    assert!(all.len() > 100);
    assert!(all.iter().flatten().all(|left| left.starts_with(b"x")));
    file.truncate(0).unwrap();
    assert_eq!(left(&disk, "a/b/one"), set([Some(b""), Some(b"x")]));
    disk.remove(path).unwrap();
    assert_eq!(left(&disk, "a/b/one"), set([None, Some(b""), Some(b"x")]));
}

#[test]
fn a_rename_happens_or_not() {
    let disk = disk();
    let path = Path::new("a/b/one");
    write_whole(&disk, path, b"old").unwrap();
    let hidden = Path::new("a/b/two");
    let mut file = disk.create(hidden).unwrap();
    file.write(b"new").unwrap();
    file.sync().unwrap();
    disk.rename(hidden, path).unwrap();
    assert_eq!(left(&disk, "a/b/one"), set([Some(b"old"), Some(b"new")]));
    disk.sync_folder(Path::new("a/b")).unwrap();
    assert_eq!(left(&disk, "a/b/one"), set([Some(b"new")]));
    assert_eq!(left(&disk, "a/b/two"), set([None]));
}

#[test]
fn the_call_that_is_told_to_fail_fails() {
    let disk = disk();
    let path = Path::new("a/b/one");
    let mut file = disk.create(path).unwrap();
    assert_eq!(disk.mutations(), 2);
    disk.fail_at(3, Fails::Once, ErrorKind::StorageFull);
    file.write(b"1234").unwrap();
    let full = file.write(b"5678").unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    assert_eq!(disk.read(path).unwrap(), b"123456");
    file.write(b"!").unwrap();
    disk.fail_at(5, Fails::FromThenOn, ErrorKind::Other);
    assert!(file.sync().is_err());
    assert!(file.truncate(0).is_err());
    assert!(disk.sync_folder(Path::new("a/b")).is_err());
    assert_eq!(disk.mutations(), 8);
    assert_eq!(disk.read(path).unwrap(), b"123456!");
}

/// A second sync succeeds, and the bytes are gone: whoever trusts it is found out.
#[test]
fn bytes_whose_sync_failed_are_lost() {
    let disk = disk();
    let path = Path::new("a/b/one");
    let mut file = disk.create(path).unwrap();
    disk.sync_folder(Path::new("a/b")).unwrap();
    file.write(b"ab").unwrap();
    file.sync().unwrap();
    file.write(b"cd").unwrap();
    disk.fail_at(disk.mutations(), Fails::Once, ErrorKind::Other);
    assert!(file.sync().is_err());
    file.write(b"ef").unwrap();
    file.sync().unwrap();
    assert_eq!(disk.read(path).unwrap(), b"abcdef");
    assert_eq!(left(&disk, "a/b/one"), set([Some(b"ab\0\0ef")]));
}

#[test]
fn a_disk_has_an_end_that_can_be_moved() {
    let disk = disk();
    disk.set_capacity(Some(5));
    let mut file = disk.create(Path::new("a/b/one")).unwrap();
    file.write(b"123").unwrap();
    let full = file.write(b"456").unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    assert_eq!((file.bytes(), disk.used()), (5, 5));
    file.truncate(3).unwrap();
    disk.set_capacity(Some(6));
    file.write(b"456").unwrap();
    assert_eq!(disk.read(Path::new("a/b/one")).unwrap(), b"123456");
}
