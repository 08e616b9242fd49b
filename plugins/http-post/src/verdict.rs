//! What an answer means for the rows of its request.

use std::time::Duration;

use crate::{secrets::Secrets, transport::Response, wait};

/// How much of a body is shown.
const SHOWN: usize = 200;

/// What became of a request's rows, which are counted from 0.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// All were taken.
    Accepted,
    /// Some were not. Each row is listed once at most.
    Partial {
        rejected: Vec<(usize, String)>,
        retry: Vec<usize>,
        after: Option<Duration>,
    },
    /// None was taken, another attempt may help: how long the server asks to wait, and
    /// what it said.
    Later(Option<Duration>, String),
    /// None was taken and nothing will help.
    Never(String),
}

/// The body of an answer with status 207.
#[derive(serde::Deserialize)]
struct MultiStatus {
    #[serde(default)]
    rejected: Vec<Rejected>,
    #[serde(default)]
    retry: Vec<usize>,
    after_ms: Option<u32>,
}

#[derive(serde::Deserialize)]
struct Rejected {
    row: usize,
    #[serde(default)]
    reason: String,
}

/// Reads the answer to a request of `rows` rows.
pub(crate) fn of(response: &Response, rows: usize, secrets: &Secrets) -> Verdict {
    match response.status {
        207 => match multi_status(response, rows, secrets) {
            Ok(verdict) => verdict,
            Err(why) => {
                let why = secrets.hide(&why);
                Verdict::Never(format!("answered 207, but {why}"))
            }
        },
        200..300 => Verdict::Accepted,
        408 | 425 | 429 | 500 | 502 | 503 | 504 => Verdict::Later(
            wait::asked(response.retry_after.as_deref(), response.date.as_deref()),
            said(response, secrets),
        ),
        _ => Verdict::Never(said(response, secrets)),
    }
}

fn multi_status(response: &Response, rows: usize, secrets: &Secrets) -> Result<Verdict, String> {
    if response.cut {
        return Err(format!(
            "its body is longer than {} bytes",
            response.body.len()
        ));
    }
    let answer: MultiStatus = serde_json::from_slice(&response.body)
        .map_err(|error| format!("its body says nothing about the rows: {error}"))?;
    let mut seen = vec![false; rows];
    let rejected = answer.rejected.iter().map(|rejected| rejected.row);
    for row in rejected.chain(answer.retry.iter().copied()) {
        match seen.get_mut(row) {
            None => return Err(format!("it lists row {row} of a request of {rows} rows")),
            Some(true) => return Err(format!("it lists row {row} twice")),
            Some(seen) => *seen = true,
        }
    }
    let rejected = answer.rejected.into_iter().map(|rejected| {
        let reason = match rejected.reason.as_str() {
            "" => "rejected by the server".to_owned(),
            reason => secrets.hide(reason),
        };
        (rejected.row, reason)
    });
    Ok(Verdict::Partial {
        rejected: rejected.collect(),
        retry: answer.retry,
        after: answer
            .after_ms
            .map(|millis| Duration::from_millis(millis.into())),
    })
}

/// The status, and the start of the body.
fn said(response: &Response, secrets: &Secrets) -> String {
    let status = response.status;
    let text = String::from_utf8_lossy(&response.body);
    let text = match response.cut {
        true => secrets.hide_cut(&text),
        false => secrets.hide(&text),
    };
    let text = text.trim();
    match text.get(..text.floor_char_boundary(SHOWN)) {
        None | Some("") => format!("answered {status}"),
        Some(text) => format!("answered {status}: {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add("t0ps3cret");
        secrets
    }

    fn verdict(status: u16, body: &str) -> Verdict {
        let response = Response {
            status,
            body: body.into(),
            ..Response::default()
        };
        of(&response, 3, &secrets())
    }

    #[test]
    fn each_status_has_its_meaning() {
        for status in [200, 201, 202, 204, 226] {
            assert_eq!(verdict(status, ""), Verdict::Accepted);
        }
        for status in [408, 425, 429, 500, 502, 503, 504] {
            assert_eq!(
                verdict(status, " busy\n"),
                Verdict::Later(None, format!("answered {status}: busy"))
            );
        }
        for status in [100, 301, 400, 401, 404, 409, 413, 501, 505] {
            assert_eq!(
                verdict(status, ""),
                Verdict::Never(format!("answered {status}"))
            );
        }
    }

    #[test]
    fn the_server_says_when_to_come_back() {
        let response = Response {
            status: 503,
            retry_after: Some("2".into()),
            ..Response::default()
        };
        assert_eq!(
            of(&response, 1, &Secrets::default()),
            Verdict::Later(Some(Duration::from_secs(2)), "answered 503".into())
        );
    }

    #[test]
    fn the_start_of_a_body_is_shown_without_secrets() {
        let long = "ñ".repeat(150);
        let shown = "ñ".repeat(100);
        assert_eq!(
            verdict(400, &long),
            Verdict::Never(format!("answered 400: {shown}"))
        );
        assert_eq!(
            verdict(401, "bad token t0ps3cret"),
            Verdict::Never("answered 401: bad token ***".into())
        );
        // 200 bytes would end within the secret.
        let echo = format!("{}t0ps3cret", "x".repeat(195));
        let Verdict::Never(said) = verdict(400, &echo) else {
            panic!("accepted");
        };
        assert_eq!(said, format!("answered 400: {}***", "x".repeat(195)));
    }

    #[test]
    fn rows_are_listed_by_a_207() {
        assert_eq!(
            verdict(
                207,
                r#"{"rejected":[{"row":0,"reason":"t0ps3cret?"},{"row":2}],"retry":[1],"after_ms":5}"#
            ),
            Verdict::Partial {
                rejected: vec![(0, "***?".into()), (2, "rejected by the server".into())],
                retry: vec![1],
                after: Some(Duration::from_millis(5)),
            }
        );
        let none = Verdict::Partial {
            rejected: vec![],
            retry: vec![],
            after: None,
        };
        assert_eq!(verdict(207, "{}"), none);
    }

    #[test]
    fn a_207_that_makes_no_sense_is_no_answer() {
        for (body, why) in [
            (
                r#"{"retry":[3]}"#,
                "answered 207, but it lists row 3 of a request of 3 rows",
            ),
            (
                r#"{"rejected":[{"row":1}],"retry":[1]}"#,
                "answered 207, but it lists row 1 twice",
            ),
            (
                "",
                "answered 207, but its body says nothing about the rows: EOF while parsing a value at line 1 column 0",
            ),
            (
                r#"{"retry":[-1]}"#,
                "answered 207, but its body says nothing about the rows: invalid value: integer `-1`, expected usize at line 1 column 12",
            ),
        ] {
            assert_eq!(verdict(207, body), Verdict::Never(why.into()));
        }
        let cut = Response {
            status: 207,
            cut: true,
            ..Response::default()
        };
        assert_eq!(
            of(&cut, 1, &Secrets::default()),
            Verdict::Never("answered 207, but its body is longer than 0 bytes".into())
        );
    }
}
