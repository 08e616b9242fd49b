//! Dead letters that are to be replayed: requests for it.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use azud_engine::{ReplayAnswer, ReplayError};

use crate::answers::{RefusedReplay, ReplayRequest, Replayed};
use crate::routes::{Shared, failed, is_kind};

pub(crate) async fn replay(
    State(shared): State<Shared>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    if !is_kind(&headers, "application/json") {
        let message = "dead letters are sent as `Content-Type: application/json`";
        return failed(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
    }
    let request: ReplayRequest = match serde_json::from_slice(&bytes) {
        Ok(request) => request,
        Err(error) => {
            let message = format!("these are no dead letters: {error}");
            return failed(StatusCode::UNPROCESSABLE_ENTITY, &message);
        }
    };
    let runs = shared.control.observe().name;
    if let Some(asked) = request.pipeline.filter(|asked| *asked != runs) {
        let message = format!(
            "these are dead letters of `{asked}`, and this is the pipeline `{runs}`: ask the one whose \
             they are"
        );
        return failed(StatusCode::UNPROCESSABLE_ENTITY, &message);
    }
    // Whoever asked may go away: what is kept is replayed all the same.
    let control = shared.control.clone();
    let replayed =
        tokio::task::spawn_blocking(move || control.replay_and_wait(request.rows, request.again));
    match replayed.await.unwrap_or(Err(ReplayError::Ended)) {
        Ok(answer) => Json(told(answer)).into_response(),
        Err(error) => failed(code(&error), &error.to_string()),
    }
}

fn told(answer: ReplayAnswer) -> Replayed {
    let refused = answer.refused.into_iter();
    let late = answer.late.into_iter();
    let late = late.map(|(node, rows)| (node.to_string(), rows));
    Replayed {
        rows: answer.rows,
        epoch: answer.epoch,
        left_out: answer.left_out,
        pending: answer.pending,
        refused: refused.map(|(id, why)| RefusedReplay { id, why }).collect(),
        late: late.collect(),
    }
}

fn code(error: &ReplayError) -> StatusCode {
    match error {
        ReplayError::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
        ReplayError::Busy => StatusCode::CONFLICT,
        ReplayError::Starts | ReplayError::Ended | ReplayError::Kept => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}
