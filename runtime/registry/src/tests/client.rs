use std::time::Duration;

use azud_model::ErrorKind;

use super::server::{Fake, Says};
use crate::answer::Found;
use crate::{Credentials, Registry};

fn registry(address: &str) -> Registry {
    Registry::new(address, Credentials::None).unwrap()
}

async fn none(registry: &Registry, id: u64) -> String {
    match registry.schema(id).await.unwrap() {
        Found::None(reason) => reason,
        Found::Schema(_) => panic!("there is a schema"),
    }
}

#[tokio::test]
async fn a_schema_is_asked_for_by_its_id() {
    let fake = Fake::start();
    fake.has(7, "\"int\"");
    fake.says(
        "/apis/ccompat/v7/schemas/ids/8",
        Says::Body(
            200,
            br#"{"schema":"{\"type\":\"string\"}","schemaType":"AVRO"}"#.to_vec(),
        ),
    );
    match registry(&fake.address()).schema(7).await.unwrap() {
        Found::Schema(schema) => assert_eq!(schema.text(), "\"int\""),
        Found::None(reason) => panic!("{reason}"),
    }
    for path in ["/apis/ccompat/v7", "/apis/ccompat/v7/"] {
        let registry = registry(&format!("{}{path}", fake.address()));
        assert!(matches!(
            registry.schema(8).await.unwrap(),
            Found::Schema(_)
        ));
    }
    let paths = fake.paths();
    assert_eq!(paths[0], "/schemas/ids/7");
    assert_eq!(paths[1..], ["/apis/ccompat/v7/schemas/ids/8"; 2]);
}

#[tokio::test]
async fn what_is_no_schema_has_a_reason() {
    let fake = Fake::start();
    let body = |text: &str| Says::Body(200, text.as_bytes().to_vec());
    for (id, says, reason) in [
        (
            2,
            body("<html>"),
            "the answer is no schema: expected value at line 1 column 1",
        ),
        (
            3,
            body(r#"{"schema":"message M {}","schemaType":"PROTOBUF"}"#),
            "it is of the type PROTOBUF, not AVRO",
        ),
        (
            4,
            body(r#"{"schema":"\"int\"","references":[{"name":"x"}]}"#),
            "it refers to other schemas of the registry, which is not supported: register it whole",
        ),
        (
            5,
            body(r#"{"schema":"\"nothing\""}"#),
            "the avro schema is wrong: there is no type `nothing`; a type is defined before it is named, in the same schema",
        ),
        (
            6,
            Says::Body(200, vec![b' '; 9 << 20]),
            "the answer is longer than 8 MiB",
        ),
        (
            7,
            Says::Body(400, br#"{"message":"no\nnumber"}"#.to_vec()),
            "it answers 400 Bad Request: no number",
        ),
    ] {
        fake.says(&format!("/schemas/ids/{id}"), says);
        assert_eq!(none(&registry(&fake.address()), id).await, reason);
    }
    assert_eq!(
        none(&registry(&fake.address()), 1).await,
        "it has no such schema"
    );
}

#[tokio::test]
async fn what_may_pass_is_unavailable_and_what_may_not_is_invalid() {
    let fake = Fake::start();
    let registry = registry(&fake.address()).with_timeout(Duration::from_secs(1));
    for (says, kind) in [
        (Says::Body(500, Vec::new()), ErrorKind::Unavailable),
        (Says::Body(503, b"later".to_vec()), ErrorKind::Unavailable),
        (Says::Body(429, Vec::new()), ErrorKind::Unavailable),
        (Says::Waits(Duration::from_secs(2)), ErrorKind::Unavailable),
        (Says::Body(401, Vec::new()), ErrorKind::Invalid),
        (Says::Body(403, Vec::new()), ErrorKind::Invalid),
        (
            Says::Redirects("http://127.0.0.1:1/schemas/ids/1".to_owned()),
            ErrorKind::Invalid,
        ),
    ] {
        fake.says("/schemas/ids/1", says);
        let error = registry.schema(1).await.err().unwrap();
        assert_eq!(error.kind(), kind, "{error}");
    }
    let address = fake.address();
    drop(fake);
    let error = super::client::registry(&address)
        .schema(1)
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    // Refused, or reset where its listener is about to go.
    assert!(error.to_string().contains("does not answer"), "{error}");
}

#[tokio::test]
async fn who_asks_is_told_to_the_registry_and_to_nobody_else() {
    let fake = Fake::start();
    let port = fake.port();
    let basic = Credentials::Basic("me".to_owned(), "hushhush".to_owned());
    let token = Credentials::Token("hushhush".to_owned());
    let plain = format!("http://127.0.0.1:{port}");
    let within = format!("http://me:hush%68ush@127.0.0.1:{port}");
    for (address, credentials, header) in [
        (&plain, basic.clone(), "Basic bWU6aHVzaGh1c2g="),
        (&plain, token, "Bearer hushhush"),
        (&within, Credentials::None, "Basic bWU6aHVzaGh1c2g="),
    ] {
        let registry = Registry::new(address, credentials.clone()).unwrap();
        assert_eq!(
            registry.to_string(),
            format!("the schema registry at {plain}/")
        );
        assert!(!format!("{registry:?}{credentials:?}").contains("hush"));
        none(&registry, 1).await;
        assert_eq!(fake.asked()[0].2.as_deref(), Some(header));
        for says in [
            Says::Body(401, Vec::new()),
            Says::Body(500, Vec::new()),
            Says::Redirects(within.clone()),
        ] {
            fake.says("/schemas/ids/2", says);
            let error = registry.schema(2).await.err().unwrap();
            assert!(!format!("{error}{error:?}").contains("hush"), "{error:?}");
        }
        fake.asked();
    }
    for address in [
        format!("ftp://me:hushhush@127.0.0.1:{port}"),
        "http://me:hushhush@".to_owned(),
        "me:hushhush".to_owned(),
        format!("{within}?hushhush"),
    ] {
        let error = Registry::new(&address, Credentials::None).unwrap_err();
        assert!(!format!("{error}{error:?}").contains("hush"), "{error:?}");
    }
    assert!(Registry::new(&within, basic).is_err());
    // Nor when nobody answers.
    drop(fake);
    let registry = Registry::new(&within, Credentials::None).unwrap();
    let error = registry.schema(1).await.err().unwrap();
    assert!(!format!("{error}{error:?}").contains("hush"), "{error:?}");
}

#[tokio::test]
async fn a_schema_is_registered_under_its_subject() {
    let fake = Fake::start();
    let registry = registry(&fake.address());
    fake.says(
        "/subjects/a%2Fb-value/versions",
        Says::Body(200, b"{\"id\":42}".to_vec()),
    );
    assert_eq!(registry.register("a/b-value", "\"int\"").await.unwrap(), 42);
    let asked = fake.asked();
    assert_eq!(asked[0].0, "POST");
    assert_eq!(asked[0].3, r#"{"schema":"\"int\""}"#);
    for (says, kind, text) in [
        (
            Says::Body(
                409,
                br#"{"error_code":409,"message":"READER_FIELD_MISSING_DEFAULT_VALUE"}"#.to_vec(),
            ),
            ErrorKind::Invalid,
            "the schema does not fit those registered before: READER_FIELD_MISSING_DEFAULT_VALUE",
        ),
        (
            Says::Body(422, Vec::new()),
            ErrorKind::Invalid,
            "the schema is refused, 422 Unprocessable Entity",
        ),
        (
            Says::Body(404, Vec::new()),
            ErrorKind::Invalid,
            "the schema is refused, 404 Not Found",
        ),
        (
            Says::Body(200, b"{}".to_vec()),
            ErrorKind::Invalid,
            "the answer has no id: missing field `id` at line 1 column 2",
        ),
        (
            Says::Body(500, Vec::new()),
            ErrorKind::Unavailable,
            "cannot answer now, 500 Internal Server Error",
        ),
    ] {
        fake.says("/subjects/s/versions", says);
        let error = registry.register("s", "\"int\"").await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().ends_with(text), "{error}");
    }
}
