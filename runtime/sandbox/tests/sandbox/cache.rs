//! Compiled code on disk: found again, never trusted when damaged.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use azud_sandbox::{Limits, Plugin, Sandbox, Settings, Silent, Transform};

use crate::support::{batch, guest};

fn load(cache: &Path) -> Plugin {
    let sandbox = Sandbox::new(Settings {
        cache: Some(cache.into()),
        ..Settings::default()
    })
    .unwrap();
    let plugin = Plugin::load(&sandbox, &guest("hostile"), None).unwrap();
    let mut transform = Transform::open(
        &plugin,
        "",
        &batch(0).schema(),
        Limits::default(),
        Arc::new(Silent),
    )
    .unwrap();
    assert_eq!(transform.process(&batch(3)).unwrap().output.num_rows(), 3);
    plugin
}

fn entries(cache: &Path) -> Vec<PathBuf> {
    fs::read_dir(cache)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

#[test]
fn code_is_kept_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("deep/cache");
    load(&cache);
    let [entry] = entries(&cache).try_into().unwrap();
    let written = fs::metadata(&entry).unwrap().ino();
    load(&cache);
    assert_eq!(entries(&cache), std::slice::from_ref(&entry));
    assert_eq!(
        fs::metadata(&entry).unwrap().ino(),
        written,
        "it was not compiled again"
    );
}

/// A new plugin is room that old ones make; what is still loaded stays.
#[test]
fn the_cache_does_not_grow_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    load(&cache);
    let [used] = entries(&cache).try_into().unwrap();
    let old = cache.join(format!("{}.cwasm", "0".repeat(64)));
    for (path, mib) in [(&used, None), (&old, Some(600))] {
        let mut options = fs::File::options();
        options.write(true).create(true).truncate(false);
        let file = options.open(path).unwrap();
        mib.map_or(Ok(()), |mib| file.set_len(mib << 20)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
    load(&cache);
    assert_eq!(entries(&cache).len(), 2, "nothing new, nothing goes");
    let sandbox = Sandbox::new(Settings {
        cache: Some(cache.clone()),
        ..Settings::default()
    });
    Plugin::load(&sandbox.unwrap(), &guest("picky"), None).unwrap();
    let left = entries(&cache);
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left.contains(&used) && !old.exists(), "{left:?}");
}

#[test]
fn a_damaged_entry_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    load(folder.path());
    let [entry] = entries(folder.path()).try_into().unwrap();
    let whole = fs::read(&entry).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for damaged in [
        &flipped[..],
        &whole[..whole.len() / 2],
        &whole[..whole.len() - 1],
        b"",
        b"ELF",
    ] {
        fs::write(&entry, damaged).unwrap();
        load(folder.path());
        assert_eq!(fs::read(&entry).unwrap(), whole);
    }
}

#[cfg(unix)]
#[test]
fn the_folder_is_private_and_one_that_is_not_is_not_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let shared = tempfile::tempdir().unwrap();
    let mode = |folder: &Path| fs::metadata(folder).unwrap().permissions().mode() & 0o777;
    fs::set_permissions(shared.path(), fs::Permissions::from_mode(0o777)).unwrap();
    load(shared.path());
    assert_eq!(mode(shared.path()), 0o777, "somebody else's: left as it is");
    assert!(entries(shared.path()).is_empty());

    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made");
    load(&made);
    assert_eq!(mode(&made), 0o700);
    let folder = made;
    let [entry] = entries(&folder).try_into().unwrap();
    // Anybody could have put code there since: it is neither read nor replaced.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o770)).unwrap();
    fs::write(&entry, "not read").unwrap();
    load(&folder);
    assert_eq!(fs::read(&entry).unwrap(), b"not read");
}

#[test]
fn a_cache_that_cannot_be_written_costs_only_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    load(&file);
}
