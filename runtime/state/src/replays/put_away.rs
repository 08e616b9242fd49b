//! Requests that are done: which rows were replayed, in few files however many requests there were.
//!
//! A file of ids is a set, and what is known is all of these sets together. So several may become
//! one at any time: what they say together is written into the newest of them, durably, and only then
//! are the others removed. A crash between leaves ids twice, which changes nothing.

use std::collections::BTreeSet;

use azud_model::{Error, Result};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{FOLDER, VERSION, bytes, name, number, parse};
use crate::{Storage, sealed};

/// What a file `<number>.ids` has.
#[derive(Serialize, Deserialize)]
pub(super) struct Ids {
    version: u32,
    pub(super) ids: Vec<String>,
}

/// Puts a request away whose rows are recorded and committed: `ids` are those that were replayed.
/// Where that was done before, what it said then counts.
///
/// # Errors
/// Those of the storage: it can be done again.
pub async fn finish_replay(storage: &dyn Storage, number: u64, ids: Vec<String>) -> Result<()> {
    // Also where another process has taken over meanwhile, and has folded others into it.
    storage.put_new(&name(number, "ids"), written(ids)?).await?;
    storage.delete(&name(number, "rows")).await?;
    storage.delete(&name(number, "refused")).await?;
    fold(storage, number).await
}

/// Has the file of a request say what files of those before it say, and removes these: as many as are
/// no longer than what comes behind them. So each that is left is longer than all behind it together,
/// there are as many as the total has binary digits at most, and an id is not written more often.
async fn fold(storage: &dyn Storage, newest: u64) -> Result<()> {
    let listed = storage.list(FOLDER).await?.into_iter();
    let files = listed.filter_map(|file| match number(&file.name)? {
        (number, "ids") if number <= newest => Some((number, file.bytes)),
        _ => None,
    });
    let mut files: Vec<(u64, u64)> = files.collect();
    files.sort_unstable();
    let mut total = files.pop().map_or(0, |(_, bytes)| bytes);
    let mut folded = Vec::new();
    while let Some((number, bytes)) = files.pop_if(|(_, bytes)| *bytes <= total) {
        folded.push(number);
        total += bytes;
    }
    if folded.is_empty() {
        return Ok(());
    }
    let mut ids = BTreeSet::new();
    for number in folded.iter().chain([&newest]) {
        match get(storage, *number).await? {
            Some(of) => ids.extend(of),
            // Another process has folded it, into what is not known here: all stays as it is.
            None => return Ok(()),
        }
    }
    // It makes certain, too, that rows of those that are removed do not come back after a crash.
    let ids = written(ids.into_iter().collect())?;
    storage.put(&name(newest, "ids"), ids).await?;
    for number in folded {
        storage.delete(&name(number, "ids")).await?;
    }
    Ok(())
}

fn written(ids: Vec<String>) -> Result<Bytes> {
    let version = VERSION;
    bytes(&Ids { version, ids })
}

async fn get(storage: &dyn Storage, number: u64) -> Result<Option<Vec<String>>> {
    let name = name(number, "ids");
    let Some(bytes) = storage.get(&name).await? else {
        return Ok(None);
    };
    let ids = sealed::line(&bytes).and_then(parse::<Ids>);
    let ids = ids.map_err(|why| {
        let place = storage.place(&name);
        Error::invalid(format!(
            "dead letters that were replayed, `{place}`: {why}; restore it from a copy"
        ))
    })?;
    Ok(Some(ids.ids))
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::path::PathBuf;
    use std::sync::Arc;

    use azud_connect::{Fails, SimulatedDisk};

    use super::*;
    use crate::LocalStorage;
    use crate::record::Replayed;
    use crate::replays::{KeptReplays, Refused, ReplayRow};
    use crate::replays::{keep_refused, keep_replay, kept_replays};

    fn on(disk: &SimulatedDisk) -> LocalStorage {
        LocalStorage::new(Arc::new(disk.clone()), PathBuf::from("/state"))
    }

    /// The rows of a request: `1-0` to `1-2`, of which the second is refused.
    fn rows(request: u64) -> Vec<ReplayRow> {
        let row = |row: u64| ReplayRow {
            id: format!("{request}-{row}"),
            node: "big".to_owned(),
            attempt: 2,
            ..ReplayRow::default()
        };
        (0..3).map(row).collect()
    }

    fn given(request: u64) -> Vec<String> {
        [0, 2].map(|row| format!("{request}-{row}")).to_vec()
    }

    async fn keep(storage: &dyn Storage, request: u64) -> Result<()> {
        keep_replay(storage, request, &rows(request)).await?;
        let refused = Refused::from([(1, "no".to_owned())]);
        keep_refused(storage, request, &refused).await
    }

    /// What a start sees after all rows of so many requests are recorded.
    async fn seen(storage: &dyn Storage, requests: u64) -> KeptReplays {
        let rows = Replayed {
            request: requests,
            rows: 3,
        };
        kept_replays(storage, Some(rows)).await.unwrap()
    }

    fn assert_all(kept: &KeptReplays, requests: u64, what: &str) {
        let all: BTreeSet<String> = (1..=requests).flat_map(given).collect();
        assert_eq!(kept.replayed, all, "{what}");
        assert_eq!(kept.asked, all, "{what}");
        assert!(kept.pending.is_empty(), "{what}");
        assert_eq!(kept.next, requests + 1, "{what}");
    }

    #[tokio::test]
    async fn a_thousand_requests_are_few_files() {
        let storage = on(&SimulatedDisk::new());
        let mut most = 0;
        for request in 1..=1_000 {
            keep(&storage, request).await.unwrap();
            finish_replay(&storage, request, given(request))
                .await
                .unwrap();
            let files = storage.list(FOLDER).await.unwrap();
            most = most.max(files.len());
        }
        assert!(most <= 12, "{most}");
        assert_all(&seen(&storage, 1_000).await, 1_000, "all");
    }

    /// The power goes at each step of putting the last of some requests away, and whatever of that is
    /// not durable has happened or not.
    #[tokio::test]
    async fn a_crash_at_any_step_neither_loses_nor_adds_a_mark() {
        for requests in 1..=8 {
            let mut step = 0;
            loop {
                let disk = SimulatedDisk::new();
                let storage = on(&disk);
                for request in 1..requests {
                    keep(&storage, request).await.unwrap();
                    finish_replay(&storage, request, given(request))
                        .await
                        .unwrap();
                }
                keep(&storage, requests).await.unwrap();
                let from = disk.mutations();
                disk.fail_at(from + step, Fails::FromThenOn, ErrorKind::Other);
                let finished = finish_replay(&storage, requests, given(requests)).await;
                for seed in 0..20 {
                    let what = format!("{requests} requests, step {step}, seed {seed}");
                    let storage = on(&disk.crash(seed));
                    let kept = seen(&storage, requests).await;
                    assert_all(&kept, requests, &what);
                    // The next start puts away what it finds, and the next request is as ever.
                    for request in kept.finished {
                        let ids = request.ids(request.rows.len()).collect();
                        finish_replay(&storage, request.number, ids).await.unwrap();
                    }
                    let next = requests + 1;
                    keep(&storage, next).await.unwrap();
                    finish_replay(&storage, next, given(next)).await.unwrap();
                    assert_all(&seen(&storage, next).await, next, &what);
                }
                if finished.is_ok() {
                    break;
                }
                step += 1;
            }
        }
    }
}
