//! An HTTP server that answers by a script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tiny_http::{Header, Response, Server};

/// What was received in one request.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) key: String,
    pub(crate) authorization: Option<String>,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

/// One answer; where the script ends, 200.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: &'static [(&'static str, &'static str)],
    pub(crate) body: &'static str,
}

/// The server, until it is dropped.
pub(crate) struct Scripted {
    server: Arc<Server>,
    thread: Option<JoinHandle<()>>,
    received: Arc<Mutex<Vec<Received>>>,
}

// === impl Scripted ===

impl Scripted {
    pub(crate) fn start(script: &[Answer]) -> Self {
        let server = Arc::new(Server::http("127.0.0.1:0").unwrap());
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let (own, kept) = (Arc::clone(&server), Arc::clone(&received));
        let mut script: VecDeque<Answer> = script.iter().cloned().collect();
        let thread = std::thread::spawn(move || {
            for mut request in own.incoming_requests() {
                let mut body = String::new();
                request.as_reader().read_to_string(&mut body).unwrap();
                let header = |name: &'static str| {
                    let mut headers = request.headers().iter();
                    let found = headers.find(|header| header.field.equiv(name));
                    found.map(|header| header.value.to_string())
                };
                kept.lock().unwrap().push(Received {
                    key: header("idempotency-key").unwrap_or_default(),
                    authorization: header("authorization"),
                    content_type: header("content-type").unwrap_or_default(),
                    body,
                });
                let answer = script.pop_front().unwrap_or(Answer::status(200));
                let mut response =
                    Response::from_string(answer.body).with_status_code(answer.status);
                for (name, value) in answer.headers {
                    response.add_header(Header::from_bytes(*name, *value).unwrap());
                }
                let _ = request.respond(response);
            }
        });
        Self {
            server,
            thread: Some(thread),
            received,
        }
    }

    pub(crate) fn address(&self) -> String {
        self.server.server_addr().to_string()
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.server.unblock();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

// === impl Answer ===

impl Answer {
    pub(crate) const fn status(status: u16) -> Self {
        Self {
            status,
            headers: &[],
            body: "",
        }
    }

    pub(crate) const fn with(status: u16, body: &'static str) -> Self {
        Self {
            status,
            headers: &[],
            body,
        }
    }
}
