//! What requests are answered with, as JSON.

use std::collections::BTreeMap;

use azud_engine::{Compared, PluginCalls, Queued, ReplayRow, RowCounts};
use serde::{Deserialize, Serialize};

/// `GET /status`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Status {
    /// The pipeline's name.
    pub name: String,
    /// How many seconds ago its process was started.
    pub seconds: f64,
    /// Why it does not read; `None` where it does: as `GET /ready` answers.
    pub not_ready: Option<String>,
    /// The last epoch that was committed; `None` before the first.
    pub epoch: Option<u64>,
    /// Records that its sources gave, in all committed epochs of this run.
    pub records: u64,
    /// The same a second, in the last epoch.
    pub records_per_second: f64,
    /// Every node, in the manifest's order.
    pub nodes: Vec<NodeStatus>,
    /// Every source that has event time.
    pub watermarks: Vec<WatermarkStatus>,
    /// Every plugin that can be replaced.
    pub plugins: Vec<PluginStatus>,
    /// Every version that runs beside one of them.
    #[serde(default)]
    pub shadows: Vec<BesideStatus>,
}

/// `GET /end`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// The pipeline's name.
    pub name: String,
    /// Whether the run has ended.
    pub ended: bool,
    /// Why it has failed; `None` where it has ended as it should, or not ended.
    pub failed: Option<String>,
}

/// A node: rows of all committed epochs of this run, and what goes on now.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct NodeStatus {
    /// Its name.
    pub name: String,
    /// Rows that came in; of a source, records.
    pub rows_in: u64,
    /// Rows that went out; of a sink, none.
    pub rows_out: u64,
    /// Rows that it rejected.
    pub rejected: u64,
    /// Rows that came too late for their windows.
    pub late: u64,
    /// The same of epochs that are not committed: as they come, also while a call hangs.
    pub under_way: RowCounts,
    /// Rows that came in a second, over the last ten seconds or so.
    pub rows_per_second: f64,
    /// What waits before it in all lanes; `None` where it is called by the node above it.
    pub queue: Option<Queued>,
    /// Of a source that knows it: how many records behind the end of what there is.
    pub lag: Option<u64>,
    /// How far event time has come for it with the last committed epoch, ISO 8601: the watermark of
    /// the slowest source above it. `None` before all of them have one, and where none has event time.
    pub watermark: Option<String>,
    /// Calls of its plugins that have ended; `None` where it has none.
    pub calls: Option<PluginCalls>,
}

/// How far the event time of a source has come, with the last committed epoch.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct WatermarkStatus {
    /// The source.
    pub source: String,
    /// Its watermark, ISO 8601; `None` before there is one.
    pub watermark: Option<String>,
    /// Whether it gives nothing, and holds up nobody.
    pub idle: bool,
}

/// A plugin that can be replaced.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct PluginStatus {
    /// The node, or `node.function` where a query calls it.
    pub node: String,
    /// Where the component came from.
    pub path: String,
    /// What it is.
    pub sha256: String,
}

/// A version that runs beside the one that serves: `GET /nodes/{node}/shadow` says more of it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct BesideStatus {
    /// The node, or `node.function` where a query calls it.
    pub node: String,
    /// What it is.
    pub sha256: String,
    /// Rows that are compared: of calls that went well with both versions.
    pub rows: u64,
    /// Rows of which it made something else.
    pub differ: u64,
    /// Calls in which it failed, and the one that serves did not.
    pub failed: u64,
    /// The rows of those.
    #[serde(default)]
    pub failed_rows: u64,
}

/// `POST /nodes/{node}/plugin`, where it went well.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// The node.
    pub node: String,
    /// What runs now.
    pub sha256: String,
    /// The first epoch that it computed; `None` where it ran already.
    pub from_epoch: Option<u64>,
    /// How many microseconds a lane was busy with the swap, at most; `None` where it ran already.
    pub pause_micros: Option<u64>,
}

/// `POST /manifest/plan`: what a manifest would change.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct ChangesStatus {
    /// Keys of the manifest that are about no single node, and differ: `trigger`.
    pub pipeline: Vec<String>,
    /// Every node, those that are removed last.
    pub nodes: Vec<NodeChangeStatus>,
}

/// What a manifest changes of a node.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct NodeChangeStatus {
    /// Its name.
    pub node: String,
    /// `same`, `changed`, `added` or `removed`.
    pub difference: String,
    /// Where it is changed: in what, by the names of the manifest.
    pub what: Vec<String>,
    /// What becomes of what the checkpoint has of it: `kept`, `new`, `changed`,
    /// `lost`, or, of a node that is removed, `drained`.
    pub kept: String,
    /// How it is changed, or why it is lost.
    pub why: Option<String>,
}

/// `POST /manifest`, where it went well.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// What has changed.
    pub changes: ChangesStatus,
    /// The first epoch of the changed manifest; `None` where it ran already.
    pub from_epoch: Option<u64>,
}

/// `GET /nodes/{node}/shadow`: what two versions made of the same rows.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct ShadowStatus {
    /// The node.
    pub node: String,
    /// The version that serves.
    pub before: String,
    /// The one beside it.
    pub now: String,
    /// What came of it: its fields stand beside these.
    #[serde(flatten)]
    pub compared: Compared,
}

/// `POST /dead-letters/replay`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// The name of the pipeline that they are of; another one refuses them.
    #[serde(default)]
    pub pipeline: Option<String>,
    /// Dead letters that are given to their nodes again.
    pub rows: Vec<ReplayRow>,
    /// Also those that were asked for before.
    #[serde(default)]
    pub again: bool,
}

/// What became of it, where it went well.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// How many rows were given to their nodes.
    pub rows: u64,
    /// The epoch by which all of them are committed; `None` where there were none, or where it is
    /// not known.
    pub epoch: Option<u64>,
    /// How many were left out, because they had been asked for before.
    pub left_out: u64,
    /// How many of those are kept, and not committed yet: the pipeline delivers them.
    #[serde(default)]
    pub pending: u64,
    /// Those that cannot be replayed.
    pub refused: Vec<RefusedReplay>,
    /// How many rows came too late for which node in the epochs that had them, other rows included.
    #[serde(default)]
    pub late: BTreeMap<String, u64>,
}

/// A dead letter that cannot be replayed.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct RefusedReplay {
    /// Its id.
    pub id: String,
    /// Why.
    pub why: String,
}

/// Whatever did not go well.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// What, and what to do next.
    pub error: String,
    /// Whether it was not even begun, because something else is under way.
    #[serde(default, skip_serializing_if = "is_false")]
    pub busy: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}
