//! A schema registry by its documented API, as far as readers and writers ask it: ids from 1 on,
//! one for each schema.
//!
//! <https://docs.confluent.io/platform/current/schema-registry/develop/api.html>

use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};
use tiny_http::{Request, Response, Server};

/// The schemas of a registry, which outlive it.
pub(crate) type Schemas = Arc<Mutex<Vec<Registered>>>;

/// A schema, under the subject that it was registered for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registered {
    pub(crate) subject: String,
    pub(crate) schema: String,
}

/// A registry that answers until it is dropped.
pub(crate) struct Registry {
    server: Arc<Server>,
    thread: Option<JoinHandle<()>>,
}

impl Registry {
    /// At a port of this machine; 0: at a free one.
    pub(crate) fn start(port: u16, schemas: &Schemas) -> Self {
        let server = Arc::new(Server::http(("127.0.0.1", port)).unwrap());
        let (asked, schemas) = (server.clone(), schemas.clone());
        let thread = thread::spawn(move || {
            for request in asked.incoming_requests() {
                answer(request, &schemas);
            }
        });
        Self {
            server,
            thread: Some(thread),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.server_addr().to_ip().unwrap().port()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.server.unblock();
        self.thread.take().unwrap().join().unwrap();
    }
}

fn answer(mut request: Request, schemas: &Schemas) {
    let mut body = String::new();
    request.as_reader().read_to_string(&mut body).unwrap();
    let path = request.url().to_owned();
    let parts: Vec<_> = path.trim_matches('/').split('/').collect();
    let found = match (request.method().as_str(), parts.as_slice()) {
        ("GET", ["schemas", "ids", id]) => schema(id, schemas),
        ("POST", ["subjects", subject, "versions"]) => Some(register(subject, &body, schemas)),
        _ => None,
    };
    let missing = json!({"error_code": 40403, "message": "Schema not found"});
    let (status, found) = found.map_or((404, missing), |found| (200, found));
    // Who asked may have gone.
    let _ = request.respond(Response::from_string(found.to_string()).with_status_code(status));
}

fn schema(id: &str, schemas: &Schemas) -> Option<Value> {
    let id: usize = id.parse().ok()?;
    let schemas = schemas.lock().unwrap();
    let found = schemas.get(id.checked_sub(1)?)?;
    Some(json!({"schema": found.schema}))
}

fn register(subject: &str, body: &str, schemas: &Schemas) -> Value {
    let body: Value = serde_json::from_str(body).unwrap();
    let new = Registered {
        subject: subject.to_owned(),
        schema: body["schema"].as_str().unwrap().to_owned(),
    };
    let mut schemas = schemas.lock().unwrap();
    let known = schemas.iter().position(|one| *one == new);
    let index = known.unwrap_or_else(|| {
        schemas.push(new);
        schemas.len() - 1
    });
    json!({"id": index + 1})
}
