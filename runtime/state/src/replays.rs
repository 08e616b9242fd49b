//! Dead letters that are to be replayed: kept before anybody is told that they will be.
//!
//! `replays/<number>.rows` has the rows of a request. Records say how far these have come, and
//! `replays/<number>.refused` which of them were not given to their nodes. Once all are recorded and
//! committed, `replays/<number>.ids` says in their place which were, and has in time what those of
//! earlier requests say (`put_away.rs`), for as long as the checkpoint is there.

mod put_away;

use std::collections::{BTreeMap, BTreeSet};

use azud_model::{Error, Result};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::record::Replayed;
use crate::{Storage, sealed};
use put_away::Ids;
pub use put_away::finish_replay;

/// Where they are.
pub(crate) const FOLDER: &str = "replays";

/// The version of these files.
const VERSION: u32 = 1;

/// A dead letter that is to be given to its node again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayRow {
    /// The dead letter's id.
    pub id: String,
    /// The node that rejected it.
    pub node: String,
    /// What that is given: a record of a source, or the row as JSON.
    #[serde(with = "base64_text")]
    pub value: Vec<u8>,
    /// Where it came from, where that is known: source, partition, position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The partition within the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// The position within the partition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// Why it was rejected.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The plugin that rejected it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// How often it has been offered by now.
    pub attempt: i32,
}

/// What is kept of all requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptReplays {
    /// Requests with rows that are not recorded.
    pub pending: Vec<KeptReplay>,
    /// Requests whose rows are all recorded, and not yet put away.
    pub finished: Vec<KeptReplay>,
    /// The ids of all rows that were asked for and not refused, recorded or not.
    pub asked: BTreeSet<String>,
    /// The ids of those that are recorded.
    pub replayed: BTreeSet<String>,
    /// The number of the next request.
    pub next: u64,
}

/// A request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptReplay {
    /// Its number.
    pub number: u64,
    /// All of its rows.
    pub rows: Vec<ReplayRow>,
    /// So many of them, the first ones, are recorded.
    pub done: usize,
    /// Which of them, counted from 0, were not given to their nodes, and why.
    pub refused: Refused,
}

/// Rows of a request that are not given to their nodes, by their number there, with the reason.
pub type Refused = BTreeMap<usize, String>;

#[derive(Serialize, Deserialize)]
struct Rows {
    version: u32,
    rows: Vec<ReplayRow>,
}

#[derive(Serialize, Deserialize)]
struct RefusedRows {
    version: u32,
    refused: Vec<(usize, String)>,
}

/// So often it is looked anew where whoever owns the checkpoint puts requests away meanwhile.
const LOOKS: usize = 8;

/// What is kept of requests, by a checkpoint whose last record says `replayed`; changes nothing.
///
/// # Errors
/// Those of the storage; `Invalid` if a file is damaged, or a newer version of this program wrote it;
/// `Unavailable` if it changes all the time.
pub async fn kept_replays(
    storage: &dyn Storage,
    replayed: Option<Replayed>,
) -> Result<KeptReplays> {
    for _ in 0..LOOKS {
        if let Some(kept) = look(storage, replayed).await? {
            return Ok(kept);
        }
    }
    let place = storage.place(FOLDER);
    Err(Error::unavailable(format!(
        "`{place}` changes while it is read: ask again"
    )))
}

/// The same; `None` if a file that was listed is gone, and another one may say now what it said.
async fn look(storage: &dyn Storage, replayed: Option<Replayed>) -> Result<Option<KeptReplays>> {
    let mut kept = KeptReplays {
        next: replayed.map_or(1, |replayed| replayed.request + 1),
        ..KeptReplays::default()
    };
    let mut refused: BTreeMap<u64, Refused> = BTreeMap::new();
    let mut put_away = BTreeSet::new();
    let mut listed = storage.list(FOLDER).await?;
    // What is put away of a request, and what is refused, comes before its rows.
    listed.sort();
    for file in listed {
        let Some((number, kind)) = number(&file.name) else {
            continue;
        };
        kept.next = kept.next.max(number + 1);
        let name = format!("{FOLDER}/{}", file.name);
        let Some(bytes) = storage.get(&name).await? else {
            return Ok(None);
        };
        let damaged = |why: String| {
            let place = storage.place(&name);
            Error::invalid(format!(
                "dead letters that are to be replayed, `{place}`: {why}; restore it from a copy. If it \
                 is removed, rows that wait there are not replayed, and which ones were is not known: \
                 whoever asks for these again doubles them"
            ))
        };
        let line = sealed::line(&bytes).map_err(damaged)?;
        if kind == "ids" {
            let ids: Ids = parse(line).map_err(damaged)?;
            kept.asked.extend(ids.ids.iter().cloned());
            kept.replayed.extend(ids.ids);
            put_away.insert(number);
            continue;
        }
        if kind == "refused" {
            let of_request: RefusedRows = parse(line).map_err(damaged)?;
            refused.insert(number, of_request.refused.into_iter().collect());
            continue;
        }
        let rows: Rows = parse(line).map_err(damaged)?;
        let done = match replayed {
            Some(replayed) if number < replayed.request => u64::MAX,
            Some(replayed) if number == replayed.request => replayed.rows,
            _ => 0,
        };
        let request = KeptReplay {
            number,
            done: usize::try_from(done).map_or(rows.rows.len(), |done| done.min(rows.rows.len())),
            rows: rows.rows,
            refused: refused.remove(&number).unwrap_or_default(),
        };
        // Which of them were given is known by then, and what was refused may be gone.
        if !put_away.contains(&number) {
            kept.asked.extend(request.ids(request.rows.len()));
            kept.replayed.extend(request.ids(request.done));
        }
        match request.done == request.rows.len() {
            true => kept.finished.push(request),
            false => kept.pending.push(request),
        }
    }
    Ok(Some(kept))
}

/// Keeps the rows of a request: once this succeeds they will be replayed. It can be done again.
///
/// # Errors
/// Those of the storage, after which they may be there all the same; `Invalid` if there are others
/// of that number.
pub async fn keep_replay(storage: &dyn Storage, number: u64, rows: &[ReplayRow]) -> Result<()> {
    let rows = Rows {
        version: VERSION,
        rows: rows.to_vec(),
    };
    let (name, bytes) = (name(number, "rows"), bytes(&rows)?);
    let written = storage.put_new(&name, bytes.clone()).await;
    if matches!(written, Ok(true)) {
        return Ok(());
    }
    // Whoever writes may have written, and not know it.
    match (storage.get(&name).await?, written) {
        (Some(there), _) if there == bytes => Ok(()),
        (None, Err(error)) => Err(error),
        _ => Err(Error::invalid(format!(
            "`{}` is there already: another run has the checkpoint, or an earlier request was kept \
             without its answer, which the next start replays",
            storage.place(&name)
        ))),
    }
}

/// Keeps which rows of a request are not given to their nodes, before an epoch goes past them.
///
/// # Errors
/// Those of the storage: it can be done again.
pub async fn keep_refused(storage: &dyn Storage, number: u64, refused: &Refused) -> Result<()> {
    let refused = refused.iter().map(|(row, why)| (*row, why.clone()));
    let refused = RefusedRows {
        version: VERSION,
        refused: refused.collect(),
    };
    storage
        .put(&name(number, "refused"), bytes(&refused)?)
        .await
}

// === impl KeptReplay ===

impl KeptReplay {
    /// The ids of the first so many rows, but for those that are refused.
    pub fn ids(&self, rows: usize) -> impl Iterator<Item = String> + '_ {
        let first = self.rows.iter().take(rows).enumerate();
        let given = first.filter(|(number, _)| !self.refused.contains_key(number));
        given.map(|(_, row)| row.id.clone())
    }
}

fn name(number: u64, kind: &str) -> String {
    format!("{FOLDER}/{number:020}.{kind}")
}

/// The number and kind of a file that this module has written.
fn number(file: &str) -> Option<(u64, &str)> {
    let (number, kind) = file.split_once('.')?;
    let is_known = number.len() == 20 && matches!(kind, "rows" | "ids" | "refused");
    Some((number.parse().ok().filter(|_| is_known)?, kind))
}

fn bytes(value: &impl Serialize) -> Result<Bytes> {
    let line = serde_json::to_vec(value);
    let line = line.map_err(|error| Error::internal("rows to replay").because(error))?;
    Ok(sealed::seal(line).into())
}

fn parse<T: for<'a> Deserialize<'a>>(line: &[u8]) -> Result<T, String> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let found: Version = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    if found.version > VERSION {
        return Err(format!(
            "it has version {} of the format, and this azud reads up to {VERSION}",
            found.version
        ));
    }
    serde_json::from_slice(line).map_err(|error| error.to_string())
}

mod base64_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use azud_connect::SimulatedDisk;

    use super::*;
    use crate::LocalStorage;

    fn storage() -> LocalStorage {
        LocalStorage::new(Arc::new(SimulatedDisk::default()), PathBuf::from("/state"))
    }

    fn rows(ids: &[&str]) -> Vec<ReplayRow> {
        let row = |id: &&str| ReplayRow {
            id: (*id).to_owned(),
            node: "big".to_owned(),
            value: vec![0, 255, b'\n'],
            source: Some("raw".to_owned()),
            attempt: 1,
            ..ReplayRow::default()
        };
        ids.iter().map(row).collect()
    }

    fn names(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[tokio::test]
    async fn a_request_is_pending_then_finished_then_known_by_its_ids() {
        let storage = storage();
        let (first, second) = (rows(&["a", "b", "c"]), rows(&["d"]));
        assert_eq!(kept_replays(&storage, None).await.unwrap().next, 1);
        keep_replay(&storage, 1, &first).await.unwrap();
        keep_replay(&storage, 2, &second).await.unwrap();
        // An answer that was lost: it is there already.
        keep_replay(&storage, 2, &second).await.unwrap();
        let other = keep_replay(&storage, 2, &first).await.unwrap_err();
        assert!(other.to_string().contains("another run"), "{other}");

        let part = Some(Replayed {
            request: 1,
            rows: 2,
        });
        let kept = kept_replays(&storage, part).await.unwrap();
        let request = |number, rows: &[ReplayRow], done| KeptReplay {
            number,
            rows: rows.to_vec(),
            done,
            refused: Refused::new(),
        };
        assert_eq!(
            kept.pending,
            [request(1, &first, 2), request(2, &second, 0)]
        );
        assert_eq!(kept.asked, names(&["a", "b", "c", "d"]));
        assert_eq!(kept.replayed, names(&["a", "b"]));

        let all = Some(Replayed {
            request: 1,
            rows: 3,
        });
        let kept = kept_replays(&storage, all).await.unwrap();
        assert_eq!(kept.finished, [request(1, &first, 3)]);
        assert_eq!(kept.pending, [request(2, &second, 0)]);
        let ids = vec!["a".to_owned(), "c".to_owned()];
        finish_replay(&storage, 1, ids).await.unwrap();
        let kept = kept_replays(&storage, all).await.unwrap();
        assert_eq!(kept.finished, []);
        assert_eq!(kept.replayed, names(&["a", "c"]), "b could not be");
        assert_eq!((kept.next, kept.pending.len()), (3, 1));
    }

    /// Whatever another manifest would say of them.
    #[tokio::test]
    async fn what_was_refused_stays_so() {
        let storage = storage();
        keep_replay(&storage, 1, &rows(&["a", "b", "c"]))
            .await
            .unwrap();
        let refused = Refused::from([(1, "it has no column `x`".to_owned())]);
        keep_refused(&storage, 1, &refused).await.unwrap();
        for (done, replayed) in [(1, &["a"][..]), (2, &["a"]), (3, &["a", "c"])] {
            let last = Some(Replayed {
                request: 1,
                rows: done,
            });
            let kept = kept_replays(&storage, last).await.unwrap();
            assert_eq!(kept.asked, names(&["a", "c"]));
            assert_eq!(kept.replayed, names(replayed));
            let requests: Vec<_> = kept.pending.iter().chain(&kept.finished).collect();
            assert_eq!(requests.len(), 1);
            assert_eq!(requests[0].refused, refused);
        }
        let ids = vec!["a".to_owned(), "c".to_owned()];
        finish_replay(&storage, 1, ids).await.unwrap();
        let left = storage.list(FOLDER).await.unwrap();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[tokio::test]
    async fn what_is_damaged_is_told_and_where_it_is() {
        let storage = storage();
        keep_replay(&storage, 1, &rows(&["a"])).await.unwrap();
        let name = name(1, "rows");
        let whole = storage.get(&name).await.unwrap().unwrap();
        for end in 0..whole.len() - 1 {
            storage.put(&name, whole.slice(..end)).await.unwrap();
            let error = kept_replays(&storage, None).await.unwrap_err().to_string();
            assert!(error.contains(".rows`: it"), "{error}");
        }
        storage.put("replays/notes.txt", whole).await.unwrap();
        storage.delete(&name).await.unwrap();
        let kept = kept_replays(&storage, None).await.unwrap();
        assert_eq!((kept.next, kept.pending.len()), (1, 0));
    }
}
