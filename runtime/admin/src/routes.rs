//! What can be asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use azud_engine::{Component, Control, ControlError, Reload, Reloaded};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::BODY;
use crate::answers::{Changed, Failed};
use crate::change::{self, MakePlan};
use crate::guard::{Guard, check};
use crate::listener::Requests;
use crate::rates::Rates;
use crate::{letters, shadow, tap, watched};

/// The longest message of an error that is not our own, in bytes.
const MESSAGE: usize = 64 << 10;

/// What answers are made of.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) control: Control,
    /// What nodes take a second.
    pub(crate) rates: Rates,
    /// Makes plans of manifests that are sent.
    pub(crate) make_plan: Arc<MakePlan>,
    /// So many plans of manifests are made at a time.
    pub(crate) plans: Arc<Semaphore>,
    /// And so many of those that are only looked at.
    pub(crate) looks: Arc<Semaphore>,
    /// So many wait for the end of the run: there are connections left for others.
    pub(crate) waiters: Arc<Semaphore>,
}

/// What `POST /nodes/{node}/plugin` may say besides.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    /// Where the component came from, for messages.
    #[serde(default)]
    name: Option<String>,
    /// What the component has to be.
    #[serde(default)]
    sha256: Option<String>,
}

pub(crate) fn router(shared: Shared, guard: Guard) -> Router {
    Router::new()
        .route("/status", get(watched::status))
        .route("/metrics", get(watched::metrics))
        .route("/end", get(watched::end))
        .route("/nodes/{node}/plugin", post(reload))
        .route(
            "/nodes/{node}/shadow",
            get(shadow::show).post(shadow::begin).delete(shadow::forget),
        )
        .route("/nodes/{node}/shadow/promote", post(shadow::promote))
        .route("/nodes/{node}/tap", get(tap::tap))
        .route("/manifest", post(change::apply))
        .route("/manifest/plan", post(change::plan))
        .route("/dead-letters/replay", post(letters::replay))
        .fallback(async || {
            failed(
                StatusCode::NOT_FOUND,
                "nothing is here: ask for /health, /ready, /status, /metrics, or send a component to \
                 /nodes/NODE/plugin, a manifest to /manifest, dead letters to \
                 /dead-letters/replay",
            )
        })
        .method_not_allowed_fallback(async || {
            failed(
                StatusCode::METHOD_NOT_ALLOWED,
                "not by this method: GET shows, POST changes",
            )
        })
        .layer(middleware::from_fn_with_state(guard, check))
        // Who asks whether it lives, or is ready, has no token.
        .route("/health", get(async || Json(json!({ "status": "ok" }))))
        .route("/ready", get(watched::ready))
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::map_response(as_json))
        .layer(middleware::from_fn(Requests::count))
        .with_state(shared)
}

async fn reload(
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
    let reload = Reload {
        nodes: BTreeMap::from([(node.clone(), component)]),
    };
    // Whoever asked may go away: what has begun is brought to its end.
    let control = shared.control.clone();
    let reloaded = tokio::spawn(async move { control.reload(reload).await });
    changed(
        &shared,
        node,
        reloaded.await.unwrap_or(Err(ControlError::Ended)),
    )
}

/// The component of a request.
pub(crate) fn component(
    headers: &HeaderMap,
    about: About,
    bytes: &Bytes,
) -> Result<Component, Box<Response>> {
    if !is_kind(headers, "application/wasm") {
        let message = "a component is sent as `Content-Type: application/wasm`";
        return Err(Box::new(failed(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            message,
        )));
    }
    Ok(Component {
        name: about.name.unwrap_or_else(|| "the component".to_owned()),
        bytes: Arc::from(&**bytes),
        sha256: about.sha256,
    })
}

/// What a node runs now.
pub(crate) fn changed(
    shared: &Shared,
    node: String,
    reloaded: Result<Reloaded, ControlError>,
) -> Response {
    let reloaded = match reloaded {
        Ok(reloaded) => reloaded,
        Err(error) => return refused(&error),
    };
    let (from_epoch, pause_micros) = match reloaded {
        Reloaded::Runs { from, pause } => {
            let micros = pause.map(|pause| u64::try_from(pause.as_micros()).unwrap_or(u64::MAX));
            (Some(from), micros)
        }
        Reloaded::Unchanged => (None, None),
    };
    let plugins = shared.control.plugins();
    let is_it = |name: &str| name == node || name.split_once('.').is_some_and(|(of, _)| of == node);
    let runs = plugins.into_iter().find(|(name, _, _)| is_it(name));
    Json(Changed {
        sha256: runs.map(|(_, _, sha256)| sha256).unwrap_or_default(),
        node,
        from_epoch,
        pause_micros,
    })
    .into_response()
}

pub(crate) fn refused(error: &ControlError) -> Response {
    let told = Failed {
        error: error.to_string(),
        busy: matches!(error, ControlError::Busy(_)),
    };
    (code(error), Json(told)).into_response()
}

fn code(error: &ControlError) -> StatusCode {
    match error {
        ControlError::NoNode(_) => StatusCode::NOT_FOUND,
        ControlError::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
        ControlError::TakenBack(_) | ControlError::Busy(_) => StatusCode::CONFLICT,
        ControlError::Ended => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Whether a body is said to be of that kind.
pub(crate) fn is_kind(headers: &HeaderMap, kind: &str) -> bool {
    let given = headers.get(header::CONTENT_TYPE);
    let given = given.and_then(|given| given.to_str().ok());
    let given = given.and_then(|given| given.split(';').next());
    given.is_some_and(|given| given.trim().eq_ignore_ascii_case(kind))
}

/// What axum itself refuses, as all other answers are.
async fn as_json(response: Response) -> Response {
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    if !is_error || is_kind(response.headers(), "application/json") {
        return response;
    }
    let code = response.status();
    let text = axum::body::to_bytes(response.into_body(), MESSAGE).await;
    let text = text.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    match text.trim() {
        "" => failed(code, &code.to_string()),
        text => failed(code, text),
    }
}

pub(crate) fn failed(code: StatusCode, message: &str) -> Response {
    let error = message.to_owned();
    (code, Json(Failed { error, busy: false })).into_response()
}
