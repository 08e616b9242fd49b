//! Rows that pass a node, as they do: a line of JSON each, until the tap ends or nobody reads.

mod line;
mod read;

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use azud_engine::{Tap, TapError, TapOptions, TappedRow};
use futures_util::stream;
use serde::Deserialize;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::routes::{Shared, failed};
pub use line::{TapCount, TapEnded, TapLine, TooLong};
pub use read::TapLines;

/// Rows a second, unless somebody says otherwise.
pub const RATE: u32 = 10;

/// How often it is told how many rows have passed: it shows, too, whether somebody reads.
const COUNTS: Duration = Duration::from_secs(1);

/// What `GET /nodes/{node}/tap` may say besides.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    /// At most so many rows a second.
    #[serde(default)]
    rate: Option<u32>,
    /// It ends after so many rows.
    #[serde(default)]
    limit: Option<u64>,
}

/// What is written.
struct Written {
    tap: Tap,
    counts: Interval,
    has_ended: bool,
}

pub(crate) async fn tap(
    State(shared): State<Shared>,
    Path(node): Path<String>,
    Query(about): Query<About>,
) -> Response {
    let options = TapOptions {
        rate: about.rate.unwrap_or(RATE),
        limit: about.limit,
    };
    let control = shared.control.clone();
    // A run that is about to begin is waited for.
    let opened = tokio::task::spawn_blocking(move || control.tap_and_wait(&node, options));
    match opened.await.unwrap_or(Err(TapError::Ended)) {
        Ok(tap) => written(tap),
        Err(error) => failed(code(&error), &error.to_string()),
    }
}

fn written(tap: Tap) -> Response {
    let mut counts = interval(COUNTS);
    counts.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let written = Written {
        tap,
        counts,
        has_ended: false,
    };
    // Dropped with the connection, and the tap with it.
    let lines = stream::unfold(written, |mut written: Written| async move {
        let line = written.next().await?;
        Some((Ok::<_, Infallible>(line), written))
    });
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    (kind, Body::from_stream(lines)).into_response()
}

fn code(error: &TapError) -> StatusCode {
    match error {
        TapError::NoNode(_) => StatusCode::NOT_FOUND,
        TapError::Rate => StatusCode::UNPROCESSABLE_ENTITY,
        TapError::TooMany => StatusCode::TOO_MANY_REQUESTS,
        TapError::Ended => StatusCode::SERVICE_UNAVAILABLE,
    }
}

// === impl Written ===

impl Written {
    /// The next line, with its end.
    async fn next(&mut self) -> Option<Bytes> {
        if self.has_ended {
            return None;
        }
        let row = tokio::select! {
            row = self.tap.next() => row,
            _ = self.counts.tick() => return Some(line(&TapLine::Count(self.count()))),
        };
        Some(match row {
            Some(TappedRow::Row(row)) => Bytes::from(format!("{{\"row\":{row}}}\n")),
            Some(TappedRow::TooLong { bytes }) => line(&TapLine::TooLong(TooLong { bytes })),
            None => {
                self.has_ended = true;
                line(&TapLine::Ended(TapEnded {
                    why: self.tap.why().unwrap_or_default().to_owned(),
                    count: self.count(),
                }))
            }
        })
    }

    fn count(&self) -> TapCount {
        TapCount {
            shown: self.tap.shown(),
            passed: self.tap.passed(),
        }
    }
}

fn line(line: &TapLine) -> Bytes {
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    text.into()
}
