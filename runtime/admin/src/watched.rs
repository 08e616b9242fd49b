//! What is asked by those who watch: a person, a Prometheus, whoever starts and stops processes.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use azud_engine::{NodeObserved, Readiness, RowCounts};
use azud_model::iso_micros;
use serde_json::json;
use tokio::time::timeout;

use crate::answers::{BesideStatus, Ended, NodeStatus, PluginStatus, Status, WatermarkStatus};
use crate::routes::{Shared, failed};

/// How long `/end` is waited for at once.
const WAITS: Duration = Duration::from_secs(30);

/// What Prometheus knows metrics by.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(crate) async fn status(State(shared): State<Shared>) -> Json<Status> {
    let plugins = shared.control.plugins().into_iter();
    let plugins = plugins.map(|(node, path, sha256)| PluginStatus { node, path, sha256 });
    let shadows = shared.control.shadows().into_iter();
    let shadows = shadows.map(|(node, shadowed)| BesideStatus {
        node,
        sha256: shadowed.now,
        rows: shadowed.compared.rows,
        differ: shadowed.compared.differ,
        failed: shadowed.compared.failed,
        failed_rows: shadowed.compared.failed_rows,
    });
    let observed = shared.control.observe();
    let rates = shared.rates.of(&observed);
    let nodes = observed.nodes.into_iter().zip(rates);
    let watermarks = observed.times.iter().map(|time| WatermarkStatus {
        source: time.source.clone(),
        watermark: time.watermark.map(iso_micros),
        idle: time.idle,
    });
    let not_ready = match shared.control.readiness() {
        Readiness::Ready => None,
        Readiness::NotReady(reason) => Some(reason),
    };
    Json(Status {
        name: observed.name,
        seconds: observed.seconds,
        not_ready,
        epoch: observed.epoch,
        records: observed.records,
        records_per_second: observed.records_per_second,
        watermarks: watermarks.collect(),
        nodes: nodes.map(|(node, rate)| of_node(node, rate)).collect(),
        plugins: plugins.collect(),
        shadows: shadows.collect(),
    })
}

fn of_node(node: NodeObserved, rows_per_second: f64) -> NodeStatus {
    let (live, done) = (node.live, node.committed);
    NodeStatus {
        name: node.name,
        rows_in: done.rows_in,
        rows_out: done.rows_out,
        rejected: done.rejected,
        late: done.late,
        under_way: RowCounts {
            rows_in: live.rows_in.saturating_sub(done.rows_in),
            rows_out: live.rows_out.saturating_sub(done.rows_out),
            rejected: live.rejected.saturating_sub(done.rejected),
            late: live.late.saturating_sub(done.late),
        },
        rows_per_second,
        queue: node.queue,
        lag: node.lag,
        watermark: node.watermark.map(iso_micros),
        calls: node.plugin,
    }
}

/// Answers once the run has ended, or after a while: whoever asked may have gone without a word, and
/// would keep a connection. The server waits for those who are answered at the end.
pub(crate) async fn end(State(shared): State<Shared>) -> Response {
    let Ok(_waits) = shared.waiters.try_acquire() else {
        let why = "too many wait for the end of the pipeline: ask `/status` now and then";
        return failed(StatusCode::TOO_MANY_REQUESTS, why);
    };
    let ended = timeout(WAITS, shared.control.ended()).await.ok();
    let ended = Ended {
        name: shared.control.observe().name,
        ended: ended.is_some(),
        failed: ended.and_then(Result::err),
    };
    Json(ended).into_response()
}

pub(crate) async fn metrics(State(shared): State<Shared>) -> Response {
    let content = [(header::CONTENT_TYPE, OPEN_METRICS)];
    (content, shared.control.metrics()).into_response()
}

pub(crate) async fn ready(State(shared): State<Shared>) -> Response {
    match shared.control.readiness() {
        Readiness::Ready => Json(json!({ "status": "ready" })).into_response(),
        Readiness::NotReady(reason) => {
            let why = Json(json!({ "status": "not ready", "reason": reason }));
            (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
        }
    }
}
