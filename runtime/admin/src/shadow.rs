//! A version that runs beside the one that serves: requests for it.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use azud_engine::{ControlError, Shadowed};

use crate::answers::ShadowStatus;
use crate::routes::{About, Shared, changed, component, refused};

pub(crate) async fn begin(
    State(shared): State<Shared>,
    Path(node): Path<String>,
    Query(about): Query<About>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let component = match component(&headers, about, &bytes) {
        Ok(component) => component,
        Err(refused) => return *refused,
    };
    let (control, of) = (shared.control.clone(), node.clone());
    let begun = tokio::task::spawn_blocking(move || control.shadow_and_wait(&of, &component));
    match begun.await.unwrap_or(Err(ControlError::Ended)) {
        Ok(()) => shown(&shared, node),
        Err(error) => refused(&error),
    }
}

pub(crate) async fn show(State(shared): State<Shared>, Path(node): Path<String>) -> Response {
    shown(&shared, node)
}

pub(crate) async fn promote(State(shared): State<Shared>, Path(node): Path<String>) -> Response {
    let (control, of) = (shared.control.clone(), node.clone());
    let promoted = tokio::task::spawn_blocking(move || control.promote_and_wait(&of));
    changed(
        &shared,
        node,
        promoted.await.unwrap_or(Err(ControlError::Ended)),
    )
}

/// Answers with what came of it.
pub(crate) async fn forget(State(shared): State<Shared>, Path(node): Path<String>) -> Response {
    let last = shown(&shared, node.clone());
    match shared.control.forget(&node) {
        Ok(()) => last,
        Err(error) => refused(&error),
    }
}

fn shown(shared: &Shared, node: String) -> Response {
    match shared.control.shadowed(&node) {
        Ok(shadowed) => Json(status(node, shadowed)).into_response(),
        Err(error) => refused(&error),
    }
}

fn status(node: String, shadowed: Shadowed) -> ShadowStatus {
    ShadowStatus {
        node,
        before: shadowed.before,
        now: shadowed.now,
        compared: shadowed.compared,
    }
}
