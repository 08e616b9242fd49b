//! Another manifest: requests for it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use azud_engine::{Changes, ControlError, Difference, Fit, NodeChange, Plan, Reloaded};
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::answers::{Applied, ChangesStatus, NodeChangeStatus};
use crate::routes::{Shared, failed, is_kind, refused};

/// Makes a plan of a manifest: its name, for messages, and its text. The error is shown as it is.
pub type MakePlan = dyn Fn(&str, &str) -> Result<Plan, String> + Send + Sync;

/// What a manifest may be sent with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    /// Where it came from, for messages.
    #[serde(default)]
    name: Option<String>,
    /// Nodes that may begin anew, with commas between them.
    #[serde(default)]
    allow_reset: Option<String>,
}

/// What would change.
pub(crate) async fn plan(
    State(shared): State<Shared>,
    Query(about): Query<About>,
    headers: HeaderMap,
    text: String,
) -> Response {
    let of = shared.clone();
    let changes = planned(
        &shared,
        &shared.looks,
        about,
        &headers,
        text,
        move |plan, _| of.control.changes(&plan),
    );
    match changes.await {
        Ok(changes) => Json(changes_status(changes)).into_response(),
        Err(refused) => *refused,
    }
}

/// Lets it take over.
pub(crate) async fn apply(
    State(shared): State<Shared>,
    Query(about): Query<About>,
    headers: HeaderMap,
    text: String,
) -> Response {
    let of = shared.clone();
    let applied = planned(
        &shared,
        &shared.plans,
        about,
        &headers,
        text,
        move |plan, allow_reset| of.control.change_and_wait(plan, allow_reset),
    );
    match applied.await {
        Ok((changes, changed)) => Json(Applied {
            changes: changes_status(changes),
            from_epoch: match changed {
                Reloaded::Runs { from, .. } => Some(from),
                Reloaded::Unchanged => None,
            },
        })
        .into_response(),
        Err(refused) => *refused,
    }
}

/// Does something with the plan of a manifest, on a thread that may wait. Whoever asked may go
/// away: what has begun is brought to its end.
async fn planned<T: Send + 'static>(
    shared: &Shared,
    room: &Arc<Semaphore>,
    about: About,
    headers: &HeaderMap,
    text: String,
    then: impl FnOnce(Plan, &[String]) -> Result<T, ControlError> + Send + 'static,
) -> Result<T, Box<Response>> {
    if !is_kind(headers, "application/yaml") {
        let message = "a manifest is sent as `Content-Type: application/yaml`";
        return Err(Box::new(failed(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            message,
        )));
    }
    let name = about.name.unwrap_or_else(|| "the manifest".to_owned());
    let allow_reset = about.allow_reset.unwrap_or_default();
    let allow_reset = allow_reset.split(',').filter(|node| !node.is_empty());
    let allow_reset: Vec<String> = allow_reset.map(str::to_owned).collect();
    // A plan takes memory and time, and so do the plugins that it opens.
    let Ok(one) = room.clone().try_acquire_owned() else {
        return Err(Box::new(refused(&ControlError::Busy(
            "a manifest that was sent".to_owned(),
        ))));
    };
    let make_plan = shared.make_plan.clone();
    let done = tokio::task::spawn_blocking(move || {
        let plan = make_plan(&name, &text).map_err(ControlError::Refused)?;
        let done = then(plan, &allow_reset);
        drop(one);
        done
    });
    let done = done.await.unwrap_or(Err(ControlError::Ended));
    done.map_err(|error| Box::new(refused(&error)))
}

fn changes_status(changes: Changes) -> ChangesStatus {
    ChangesStatus {
        pipeline: changes.pipeline.into_iter().map(str::to_owned).collect(),
        nodes: changes.nodes.into_iter().map(node_status).collect(),
    }
}

fn node_status(change: NodeChange) -> NodeChangeStatus {
    let is_removed = change.difference == Difference::Removed;
    let (difference, what) = match change.difference {
        Difference::Same => ("same", Vec::new()),
        Difference::Changed(what) => ("changed", what),
        Difference::Added => ("added", Vec::new()),
        Difference::Removed => ("removed", Vec::new()),
    };
    let (kept, why) = match change.fit {
        Fit::Kept if is_removed => ("drained", None),
        Fit::Kept => ("kept", None),
        Fit::New => ("new", None),
        Fit::Changed(how) => ("changed", Some(how)),
        Fit::Lost(why) => ("lost", Some(why)),
    };
    NodeChangeStatus {
        node: change.node,
        difference: difference.to_owned(),
        what: what.into_iter().map(str::to_owned).collect(),
        kept: kept.to_owned(),
        why,
    }
}
