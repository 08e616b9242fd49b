//! A process that closes its checkpoint and opens it again.

use std::path::Path;

use azud_connect::LocalDisk;
use azud_model::Epoch;

use super::*;
use crate::LocalStorage;

fn storage(folder: &Path) -> Arc<dyn Storage> {
    Arc::new(LocalStorage::new(Arc::new(LocalDisk), folder.to_owned()))
}

async fn record(checkpoint: &Checkpoint, number: u64) {
    let epoch = Epoch {
        number,
        time_ms: 1,
        input_rows: 1,
        last: false,
    };
    let record = Record::new("p", checkpoint.run(), checkpoint.generation(), &epoch);
    checkpoint.record(&record).await.unwrap();
}

#[tokio::test]
async fn nobody_else_takes_it_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let place = || storage(folder.path());
    let opened = Checkpoint::open(place(), "p", 2).await.unwrap();
    record(&opened.checkpoint, 0).await;
    let before = opened.checkpoint.before(None).after(1);
    drop(opened);
    let error = Checkpoint::open(place(), "p", 2).await.unwrap_err();
    assert!(error.to_string().contains("another run uses"), "{error}");
    let again = Checkpoint::open_again(place(), "p", 2, Some(&before));
    let again = again.await.unwrap();
    assert_eq!(again.last.unwrap().epoch, 0);
    drop((again.checkpoint, before));
    Checkpoint::open(place(), "p", 2).await.unwrap();
}

/// Nothing could be gone on from that is recorded there, and it is not begun anew.
#[tokio::test]
async fn one_that_was_removed_meanwhile_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let opened = Checkpoint::open(storage(&state), "p", 2).await.unwrap();
    record(&opened.checkpoint, 0).await;
    let before = opened.checkpoint.before(None).after(1);
    // Epochs are gone, and later all.
    std::fs::remove_dir_all(state.join("epochs")).unwrap();
    let again = Checkpoint::open_again(storage(&state), "p", 2, Some(&before));
    let expected = format!(
        "somebody has removed or replaced the checkpoint `{}/` while this run used it",
        state.display()
    );
    let error = again.await.unwrap_err().to_string();
    assert!(error.starts_with(&expected), "{error}");
    std::fs::remove_dir_all(&state).unwrap();
    let error = opened.checkpoint.check_owner().await.unwrap_err();
    assert!(error.to_string().starts_with(&expected), "{error}");
    let again = Checkpoint::open_again(storage(&state), "p", 2, Some(&before));
    let error = again.await.unwrap_err().to_string();
    assert!(error.starts_with(&expected), "{error}");
    assert!(!state.join("checkpoint.json").exists());
}
