//! Avro with a registry, from rows to a topic and from the topic to rows.

use crate::pipeline::Pipeline;
use crate::registry::{Registered, Registry, Schemas};
use crate::topics::{Give, Topics};

const FIRST: &str = r#"{"type":"record","name":"Person","fields":[
    {"name":"name","type":"string"},{"name":"age","type":"int"}]}"#;

/// A field more, and a wider one.
const SECOND: &str = r#"{"type":"record","name":"Person","fields":[
    {"name":"name","type":"string"},{"name":"age","type":"long"},{"name":"city","type":"string"}]}"#;

/// What a reader wants of both.
const READER: &str = r#"{"type":"record","name":"Person","fields":[
    {"name":"city","type":"string","default":"Ulm"},
    {"name":"age","type":"long"},{"name":"name","type":"string"}]}"#;

/// Writes rows of json to `people`, by a schema.
fn write(topics: &Topics, port: u16, name: &str, columns: &str, schema: &str, rows: &str) {
    let servers = topics.servers();
    let pipeline = Pipeline::new(&format!(
        "
name: {name}
trigger: once
parallelism: 1
checkpoint: {{ to: ./state }}
sources:
  given: {{ file: {{ path: ./in.json }}, format: json, schema: {{ {columns} }} }}
sinks:
  out:
    from: given
    kafka: {{ servers: '{servers}', topic: people }}
    format: avro
    avro: {{ registry: 'http://127.0.0.1:{port}', schema: ./person.avsc }}
"
    ));
    std::fs::write(pipeline.path("in.json"), rows).unwrap();
    std::fs::write(pipeline.path("person.avsc"), schema).unwrap();
    pipeline.finish();
}

fn reader(topics: &Topics, port: u16) -> Pipeline {
    let servers = topics.servers();
    let pipeline = Pipeline::new(&format!(
        "
name: reader
trigger: 50ms
checkpoint: {{ to: ./state }}
sources:
  people:
    kafka: {{ servers: '{servers}', topics: people }}
    format: avro
    avro: {{ registry: 'http://127.0.0.1:{port}', schema: ./person.avsc }}
    keep: [offset]
transforms:
  rows: {{ sql: 'SELECT offset, name, age, city FROM people' }}
sinks:
  out: {{ from: rows, file: {{ path: ./out }}, format: json }}
  bad: {{ from: people.rejected, file: {{ path: ./bad }}, format: json }}
"
    ));
    std::fs::write(pipeline.path("person.avsc"), READER).unwrap();
    pipeline
}

#[test]
fn schemas_change_while_their_registry_is_away_for_a_while() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    topics.make("people", 1);
    let schemas = Schemas::default();
    let registry = Registry::start(0, &schemas);
    let port = registry.port();

    let columns = "name: string, age: int";
    write(
        &topics,
        port,
        "writer",
        columns,
        FIRST,
        "{\"name\":\"ada\",\"age\":36}\n",
    );
    let columns = "name: string, age: bigint, city: string";
    let rows = "{\"name\":\"bo\",\"age\":-1,\"city\":\"Rom\"}\n";
    write(&topics, port, "newer-writer", columns, SECOND, rows);
    let people = |schema: &str| Registered {
        subject: "people-value".to_owned(),
        schema: schema.to_owned(),
    };
    let compact = |schema: &str| -> serde_json::Value { serde_json::from_str(schema).unwrap() };
    let registered = schemas.lock().unwrap().clone();
    let kept: Vec<_> = registered
        .iter()
        .map(|one| (&one.subject, compact(&one.schema)))
        .collect();
    let expected = [people(FIRST), people(SECOND)];
    let expected: Vec<_> = expected
        .iter()
        .map(|one| (&one.subject, compact(&one.schema)))
        .collect();
    assert_eq!(kept, expected);
    // A zero byte and the id; numbers in zigzag, text behind its length.
    assert_eq!(
        topics.read_as("people", |message| {
            rdkafka::message::Message::payload(message)
                .unwrap()
                .to_vec()
        }),
        [
            b"\0\0\0\0\x01\x06ada\x48".to_vec(),
            b"\0\0\0\0\x02\x04bo\x01\x06Rom".to_vec()
        ]
    );

    let give = |value: &'static [u8]| Give {
        value: Some(value),
        ..Give::default()
    };
    topics.give(
        "people",
        &[
            // An id that nobody has registered, no frame at all, and half a record.
            give(b"\0\0\0\0\x09\x06eve\x02"),
            give(b"plain text"),
            give(b"\0\0\0\0\x01\x06ad"),
            give(b"\0\0\0\0\x01\x06fay\x02"),
        ],
    );
    drop(registry);
    let pipeline = reader(&topics, port);
    let run = pipeline.start();
    pipeline.until_said("schema registry");
    assert_eq!(pipeline.lines("out"), [""; 0]);
    let _registry = Registry::start(port, &schemas);
    pipeline.until_lines("out", 3);
    pipeline.until_lines("bad", 3);
    run.stop();
    assert_eq!(
        pipeline.lines("out"),
        [
            r#"{"offset":0,"name":"ada","age":36,"city":"Ulm"}"#,
            // A transaction's end has an offset of its own.
            r#"{"offset":2,"name":"bo","age":-1,"city":"Rom"}"#,
            r#"{"offset":7,"name":"fay","age":1,"city":"Ulm"}"#,
        ]
    );
    let bad = |value: &str, position: u8, reason: &str| {
        format!(
            r#"{{"value":"{value}","source":"people","partition":"people-0","position":"{position}","node":"people","reason":"{reason}","epoch":0,"attempt":1}}"#
        )
    };
    let unknown =
        format!("the schema registry at http://127.0.0.1:{port}/, schema 9: it has no such schema");
    assert_eq!(
        pipeline.lines("bad"),
        [
            bad(
                "AAAAAAEGYWQ=",
                6,
                "field `name`: the record ends in the middle of a value"
            ),
            bad("AAAAAAkGZXZlAg==", 4, &unknown),
            bad(
                "cGxhaW4gdGV4dA==",
                5,
                "the record does not begin with 0 and the id of a schema, but with 112: it was not written with a schema registry"
            ),
        ]
    );
}
