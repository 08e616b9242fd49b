//! Records of Avro in and out, with a registry that answers as its documentation says.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use azud_connect::{Output, Payload, Prepared, Records, Sink, SinkWriter, Wants};
use azud_connector_memory::{MemorySink, MemorySource, records};
use azud_engine::{Environment, Plan, check, manifest_connectors};
use azud_model::{Epoch, ManualClock, Result};
use azud_sandbox::{Sandbox, Settings};
use tempfile::TempDir;
use tiny_http::{Response, Server};

use crate::support::run;

/// Takes records, as Kafka's sink does.
struct Topic(MemorySink);

#[async_trait]
impl Sink for Topic {
    fn wants(&self) -> Wants {
        Wants::Records
    }

    async fn writer(&self, lane: usize, schema: SchemaRef) -> Result<Box<dyn SinkWriter>> {
        let inner = self.0.writer(lane, schema).await?;
        Ok(Box::new(Writer(inner)))
    }

    async fn commit(&self, epoch: &Epoch, prepared: Vec<Prepared>) -> Result<()> {
        self.0.commit(epoch, prepared).await
    }
}

struct Writer(Box<dyn SinkWriter>);

#[async_trait]
impl SinkWriter for Writer {
    async fn write(&mut self, output: Output) -> Result<()> {
        self.0.write(output).await
    }

    async fn prepare(&mut self, epoch: &Epoch) -> Result<Prepared> {
        self.0.prepare(epoch).await
    }
}

/// Has schema 1, after it has failed twice; registers whatever comes as number 258.
struct Registry {
    server: Arc<Server>,
    thread: Option<JoinHandle<()>>,
    asked: Arc<Mutex<Vec<String>>>,
}

const WRITER: &str = r#"{"type":"record","name":"User","fields":[
    {"name":"born","type":{"type":"int","logicalType":"date"}},
    {"name":"name","type":"string"}]}"#;

impl Registry {
    fn start() -> Self {
        let server = Arc::new(Server::http("127.0.0.1:0").unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let failures = AtomicU64::new(2);
        let thread = thread::spawn({
            let (server, asked) = (server.clone(), asked.clone());
            move || {
                for mut request in server.incoming_requests() {
                    let mut body = String::new();
                    request.as_reader().read_to_string(&mut body).unwrap();
                    let path = request.url().to_owned();
                    asked
                        .lock()
                        .unwrap()
                        .push(format!("{} {path} {body}", request.method()));
                    let fails = failures.load(Ordering::Relaxed) > 0;
                    let (status, body) = match path.as_str() {
                        _ if fails => {
                            failures.fetch_sub(1, Ordering::Relaxed);
                            (500, String::new())
                        }
                        "/schemas/ids/1" => {
                            (200, serde_json::json!({ "schema": WRITER }).to_string())
                        }
                        "/subjects/users-value/versions" => (200, "{\"id\":258}".to_owned()),
                        _ => (404, "{\"error_code\":40403}".to_owned()),
                    };
                    let response = Response::from_string(body).with_status_code(status);
                    let _ = request.respond(response);
                }
            }
        });
        Self {
            server,
            thread: Some(thread),
            asked,
        }
    }

    fn port(&self) -> u16 {
        self.server.server_addr().to_ip().unwrap().port()
    }

    /// What was asked, each once.
    fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.dedup();
        asked
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.server.unblock();
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Holds a manifest against what is in a folder; what is wrong, if anything is.
fn checked(folder: &TempDir, manifest: &str) -> Result<Plan, String> {
    let parsed = azud_manifest::parse("test.yaml", manifest, &manifest_connectors(), &|_| None);
    let environment = Environment {
        directory: folder.path().to_owned(),
        sandbox: Sandbox::new(Settings::default()).unwrap(),
        clock: Arc::new(ManualClock::at(1_000)),
        find_plugin: &|_| Err("there is none".to_owned()),
    };
    let parsed = parsed.map_err(|report| report.to_string())?;
    check(&parsed, &environment).map_err(|report| report.to_string())
}

fn source(all: &[&[u8]]) -> Arc<MemorySource> {
    let all = Records {
        payload: all.iter().collect::<Payload>(),
        ..records("in", "users-0", 0, &[])
    };
    Arc::new(MemorySource::new([vec![all]]))
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let reader = r#"{"type":"record","name":"User","fields":[
        {"name":"name","type":"string"},
        {"name":"born","type":["null",{"type":"int","logicalType":"date"}]},
        {"name":"city","type":"string","default":"Ulm"}]}"#;
    fs::write(folder.path().join("user.avsc"), reader).unwrap();
    folder
}

#[test]
fn records_are_read_by_their_own_schemas_and_written_by_a_registered_one() {
    let (folder, registry) = (folder(), Registry::start());
    let manifest = format!(
        "
name: avro
trigger: once
parallelism: 1
sources:
  in:
    kafka: {{ servers: 'nowhere:9092', topics: users }}
    format: avro
    avro: {{ schema: ./user.avsc, registry: 'http://127.0.0.1:{port}' }}
transforms:
  old: {{ sql: 'SELECT name, born FROM `in` WHERE born IS NULL OR year(born) < 2000' }}
sinks:
  out: {{ from: old, kafka: {{ servers: 'nowhere:9092', topic: users }}, format: avro, avro: {{ registry: 'http://127.0.0.1:{port}' }} }}
  bad: {{ from: in.rejected, blackhole: {{}} }}
",
        port = registry.port()
    );
    let (rows, bad) = (MemorySink::default(), MemorySink::default());
    let all: [&[u8]; 5] = [
        // 1970-01-02, and far later.
        &[0, 0, 0, 0, 1, 2, 6, b'a', b'd', b'a'],
        &[0, 0, 0, 0, 1, 0xc0, 0xb8, 0x02, 2, b'b'],
        &[0, 0, 0, 0, 2, 2, 2, b'c'],
        &[0, 0, 0, 0, 1, 2, 6, b'd'],
        &[0, 0, 0, 0, 1, 4, 2, b'e'],
    ];
    let plan = checked(&folder, &manifest).unwrap();
    let plan = plan
        .with_source("in", source(&all))
        .with_sink("out", Arc::new(Topic(rows.clone())))
        .with_sink("bad", Arc::new(bad.clone()));
    run(plan).unwrap();
    // A zero byte, 258, each field behind its branch.
    assert_eq!(
        rows.rows(),
        [
            "{\"value\":\"AAAAAQICBmFkYQIC\"}",
            "{\"value\":\"AAAAAQICAmUCBA==\"}"
        ]
    );
    let bad = bad.rows();
    assert_eq!(bad.len(), 2, "{bad:?}");
    let unknown = format!(
        "the schema registry at http://127.0.0.1:{}/, schema 2: it has no such schema",
        registry.port()
    );
    assert!(bad[0].contains(&unknown), "{bad:?}");
    assert!(
        bad[1].contains("field `name`: the record ends in the middle of a value"),
        "{bad:?}"
    );
    let made = r#"{"type":"record","name":"out","fields":[{"name":"name","type":["null","string"],"default":null},{"name":"born","type":["null",{"type":"int","logicalType":"date"}],"default":null}]}"#;
    let registered = serde_json::json!({ "schema": made }).to_string();
    let asked = registry.asked();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert_eq!(
        asked[0],
        format!("POST /subjects/users-value/versions {registered}")
    );
    assert_eq!(asked[1], "GET /schemas/ids/1 ");
    assert_eq!(asked[2], "GET /schemas/ids/2 ");
}

#[test]
fn bare_records_are_read_by_the_schema_that_wrote_them() {
    let folder = folder();
    fs::write(folder.path().join("old.avsc"), WRITER).unwrap();
    let manifest = "
name: avro
trigger: once
parallelism: 1
sources:
  in: { kafka: { servers: 'nowhere:9092', topics: users }, format: avro, avro: { schema: user.avsc, writer: ./old.avsc }, keep: [offset] }
sinks:
  out: { from: in, blackhole: {} }
";
    let rows = MemorySink::default();
    let plan = checked(&folder, manifest).unwrap();
    let offsets = arrow::array::Int64Array::from(vec![7]);
    let offsets = arrow::array::RecordBatch::try_from_iter([(
        "offset",
        Arc::new(offsets) as arrow::array::ArrayRef,
    )]);
    let all = Records {
        payload: [[2, 2, b'x']].iter().collect::<Payload>(),
        metadata: Some(offsets.unwrap()),
        ..records("in", "users-0", 0, &[])
    };
    let plan = plan
        .with_source("in", Arc::new(MemorySource::new([vec![all]])))
        .with_sink("out", Arc::new(rows.clone()));
    run(plan).unwrap();
    assert_eq!(
        rows.rows(),
        ["{\"name\":\"x\",\"born\":\"1970-01-02\",\"city\":\"Ulm\",\"offset\":7}"]
    );
}

/// Nothing that is secret is in what is wrong with what is beside it.
#[test]
fn a_wrong_address_does_not_show_its_password() {
    let folder = folder();
    let manifest = "
name: avro
sources:
  in:
    kafka: { servers: 'nowhere:9092', topics: users }
    format: avro
    avro:
      schema: user.avsc
      user: me
      password: hushhush
      registry: 'http://r?x'
sinks:
  out: { from: in, blackhole: {} }
";
    let wrong = checked(&folder, manifest).unwrap_err();
    assert!(wrong.contains("only a path can follow the host"), "{wrong}");
    assert!(!wrong.contains("hush"), "{wrong}");
}
