//! A registry as its documentation has it, on a port of this machine.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tiny_http::{Header, Request, Response, Server};

/// What it answers to a path: the status and the body.
#[derive(Clone)]
pub(super) enum Says {
    Body(u16, Vec<u8>),
    /// Nothing, for so long.
    Waits(Duration),
    /// Another address.
    Redirects(String),
}

/// What was asked: method, path, the header `Authorization`, body.
pub(super) type Asked = (String, String, Option<String>, String);

pub(super) struct Fake {
    server: Arc<Server>,
    thread: Option<JoinHandle<()>>,
    says: Arc<Mutex<HashMap<String, Says>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    pub(super) fn start() -> Self {
        Self::at("127.0.0.1:0")
    }

    pub(super) fn at(address: &str) -> Self {
        let server = Arc::new(Server::http(address).unwrap());
        let says: Arc<Mutex<HashMap<String, Says>>> = Arc::default();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let thread = thread::spawn({
            let (server, says, asked) = (server.clone(), says.clone(), asked.clone());
            move || {
                for request in server.incoming_requests() {
                    answer(request, &says, &asked);
                }
            }
        });
        Self {
            server,
            thread: Some(thread),
            says,
            asked,
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.server.server_addr().to_ip().unwrap().port()
    }

    pub(super) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    pub(super) fn says(&self, path: &str, says: Says) {
        self.says.lock().unwrap().insert(path.to_owned(), says);
    }

    /// A schema of that id.
    pub(super) fn has(&self, id: u64, schema: &str) {
        let body = serde_json::json!({ "schema": schema }).to_string();
        self.says(&format!("/schemas/ids/{id}"), Says::Body(200, body.into()));
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    pub(super) fn paths(&self) -> Vec<String> {
        self.asked()
            .into_iter()
            .map(|(_, path, _, _)| path)
            .collect()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.unblock();
        self.thread.take().unwrap().join().unwrap();
    }
}

fn answer(mut request: Request, says: &Mutex<HashMap<String, Says>>, asked: &Mutex<Vec<Asked>>) {
    let mut body = String::new();
    request.as_reader().read_to_string(&mut body).unwrap();
    let header = request.headers().iter();
    let header = header
        .filter(|header| header.field.equiv("Authorization"))
        .map(|header| header.value.to_string())
        .next();
    let path = request.url().to_owned();
    let method = request.method().to_string();
    asked
        .lock()
        .unwrap()
        .push((method, path.clone(), header, body));
    let missing = br#"{"error_code":40403,"message":"Schema not found"}"#.to_vec();
    let says = says.lock().unwrap().get(&path).cloned();
    let response = match says.unwrap_or(Says::Body(404, missing)) {
        Says::Body(status, body) => Response::from_data(body).with_status_code(status),
        Says::Waits(time) => {
            // The others are answered meanwhile.
            thread::spawn(move || {
                thread::sleep(time);
                request.respond(Response::from_data(Vec::new()))
            });
            return;
        }
        Says::Redirects(to) => {
            let header = Header::from_bytes("Location", to).unwrap();
            Response::from_data(Vec::new())
                .with_status_code(302)
                .with_header(header)
        }
    };
    // Who asked may have gone.
    let _ = request.respond(response);
}
