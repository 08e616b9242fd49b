//! Versions and epochs, over real files.

use std::path::Path;

use azud_connect::{Format, SourceContext};
use azud_model::ManualClock;
use serde_json::json;
use tokio::runtime::Runtime;

use super::*;

fn table(folder: &Path, drops: bool) -> StaticTable {
    let format = FormatOptions {
        format: Format::Text,
        schema: Vec::new(),
        header: false,
        keep: Vec::new(),
        payload: "value".to_owned(),
        payload_at: 0,
        avro: None,
    };
    let context = SourceContext {
        pipeline: "test".into(),
        node: "users".to_owned(),
        directory: folder.to_owned(),
        lanes: 1,
        finite: true,
        framing: format.framing(),
        metadata: Vec::new(),
        clock: Arc::new(ManualClock::at(0)),
    };
    let (_, make) = azud_connector_file::CONNECTOR.source.unwrap();
    let source = make(json!({ "path": "./users", "max_rows": 1 }), context).unwrap();
    StaticTable::new("users", source, Some(format), drops)
}

fn rows(version: &TableVersion) -> usize {
    version.rows.iter().map(azud_model::Batch::rows).sum()
}

/// An epoch keeps what it has seen first, whatever comes of the files; an unchanged table is
/// not read again; a lane that is behind sees what its epoch had.
#[test]
fn an_epoch_has_one_version() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users");
    std::fs::create_dir(&file).unwrap();
    let write = |name: &str, text: &str| std::fs::write(file.join(name), text).unwrap();
    let runtime = Runtime::new().unwrap();
    let table = table(folder.path(), false);
    write("a", "ann\nbob\n");
    table.begin(runtime.handle());
    let first = table.of_epoch(0).unwrap();
    assert_eq!((first.number, rows(&first)), (0, 2));
    write("b", "cid\n");
    assert_eq!(table.of_epoch(0).unwrap().number, 0);
    let second = table.of_epoch(1).unwrap();
    assert_eq!((second.number, rows(&second)), (1, 3));
    assert_eq!(table.of_epoch(0).unwrap().number, 0, "a lane is behind");
    // Nobody has asked in the epochs between.
    let third = table.of_epoch(4).unwrap();
    assert_eq!(table.of_epoch(3).unwrap().number, 1);
    assert!(
        Arc::ptr_eq(&second.rows, &third.rows),
        "nothing has changed"
    );
    std::fs::remove_file(file.join("a")).unwrap();
    assert_eq!(rows(&table.of_epoch(5).unwrap()), 1);
    // Another attempt counts its epochs anew.
    table.begin(runtime.handle());
    let again = table.of_epoch(0).unwrap();
    assert_eq!((again.number, rows(&again)), (2, 1));
}

/// A file in the place of another with the same size is another.
#[test]
fn what_is_put_in_its_place_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users");
    let runtime = Runtime::new().unwrap();
    std::fs::write(&file, "ann\n").unwrap();
    let time = std::fs::metadata(&file).unwrap().modified().unwrap();
    let table = table(folder.path(), false);
    table.begin(runtime.handle());
    assert_eq!(table.of_epoch(0).unwrap().number, 0);
    let new = folder.path().join("new");
    std::fs::write(&new, "bob\n").unwrap();
    let opened = std::fs::File::options().write(true).open(&new).unwrap();
    opened.set_modified(time).unwrap();
    std::fs::rename(&new, &file).unwrap();
    assert_eq!(table.of_epoch(1).unwrap().number, 1);
}

/// What stays away, and what cannot be decoded, fails; a run that may drop it goes on.
#[test]
fn a_table_that_cannot_be_read_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users");
    let runtime = Runtime::new().unwrap();
    std::fs::write(&file, "ann\n").unwrap();
    let [strict, lenient] = [false, true].map(|drops| table(folder.path(), drops));
    strict.begin(runtime.handle());
    lenient.begin(runtime.handle());
    std::fs::write(&file, b"ann\n\xff\ncid\n").unwrap();
    let error = strict.of_epoch(0).unwrap_err().to_string();
    let told = "table `users`: ./users, position 2: ";
    assert!(error.starts_with(told), "{error}");
    assert_eq!(rows(&lenient.of_epoch(0).unwrap()), 2);
    std::fs::remove_file(&file).unwrap();
    let error = strict.of_epoch(1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "table `users`: there is no file `./users`"
    );
}
