//! What each kind of failure becomes: tried again at once, `Unavailable`, or refused.

use azud_model::{Error, ErrorKind};

use super::server::Fault;
use super::*;

/// Long enough for an answer, and shorter than the server hangs.
const SHORT: Duration = Duration::from_millis(700);

#[tokio::test]
async fn what_passes_is_tried_again_without_a_word() {
    for fault in [
        Fault::Status(500, "InternalError"),
        Fault::Status(503, "SlowDown"),
        Fault::Status(429, "TooManyRequests"),
        Fault::CutBefore,
    ] {
        let server = Server::start();
        let storage = storage(&server, PATIENCE);
        server.fail("PUT", 1, fault);
        storage.put("one", "1".into()).await.unwrap();
        server.fail("PUT", 1, fault);
        assert!(
            storage.put_new("two", "2".into()).await.unwrap(),
            "{fault:?}"
        );
        server.fail("GET", 1, fault);
        assert_eq!(storage.get("two").await.unwrap().unwrap(), "2");
        server.fail("GET", 1, fault);
        assert_eq!(storage.list("").await.unwrap().len(), 2);
        server.fail("POST", 1, fault);
        storage.delete("two").await.unwrap();
        assert!(!server.calm());
        assert_eq!(server.requests(), 10, "{fault:?}");
        assert_eq!(
            server.objects().into_keys().collect::<Vec<_>>(),
            ["a/b/one"]
        );
    }
}

#[tokio::test]
async fn what_lasts_is_unavailable_and_says_why() {
    for (status, code) in [
        (500, "InternalError"),
        (503, "SlowDown"),
        (429, "TooManyRequests"),
    ] {
        let server = Server::start();
        let storage = storage(&server, PATIENCE);
        for nth in 1..=3 {
            server.fail("PUT", nth, Fault::Status(status, code));
        }
        let error = storage.put_new("one", "1".into()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        let text = error.to_string();
        assert!(
            text.starts_with("cannot write `s3://bucket/a/b/one`: "),
            "{text}"
        );
        assert!(
            text.contains(code) && !text.contains("the-secret"),
            "{text}"
        );
        assert_eq!(server.requests(), 3);
    }
}

#[tokio::test]
async fn nobody_waits_for_a_server_that_hangs() {
    let server = Server::start();
    let storage = storage(&server, SHORT);
    for method in ["PUT", "GET", "POST"] {
        server.fail(method, 1, Fault::Hang(2_000));
    }
    let error = storage.put_new("one", "1".into()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let text = error.to_string();
    assert!(text.ends_with("no answer within 700 ms"), "{text}");
    let error = storage.get("one").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let error = storage.delete("one").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn nobody_listens() {
    let server = Server::start();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let url = BucketUrl {
        bucket: "bucket".to_owned(),
        prefix: String::new(),
    };
    let builder = AmazonS3Builder::new()
        .with_endpoint(format!("http://127.0.0.1:{port}"))
        .with_allow_http(true)
        .with_access_key_id("x")
        .with_secret_access_key("y");
    let bucket = Bucket::built(builder, &url).unwrap();
    let storage = ObjectStorage { bucket };
    let error = storage.list("owners").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let text = error.to_string();
    assert!(text.contains("Connection refused"), "{text}");
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn what_will_not_pass_is_refused_with_what_to_do() {
    for (status, code, advice) in [
        (
            400,
            "AuthorizationHeaderMalformed",
            "check AWS_ENDPOINT_URL and AWS_REGION",
        ),
        (401, "Unauthorized", "check AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", "check AWS_ACCESS_KEY_ID"),
        (404, "NoSuchBucket", "make the bucket, or correct the URL"),
    ] {
        let server = Server::start();
        let storage = storage(&server, PATIENCE);
        let refused = |error: Error| {
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            let text = error.to_string();
            assert!(text.contains(code) && text.contains(advice), "{text}");
        };
        for _ in 0..2 {
            server.fail("PUT", 1, Fault::Status(status, code));
            refused(storage.put_new("one", "1".into()).await.unwrap_err());
        }
        server.fail("GET", 1, Fault::Status(status, code));
        refused(storage.get("one").await.unwrap_err());
        server.fail("GET", 1, Fault::Status(status, code));
        refused(storage.list("epochs").await.unwrap_err());
        server.fail("POST", 1, Fault::Status(status, code));
        refused(storage.delete("one").await.unwrap_err());
        assert!(server.objects().is_empty() && !server.calm());
    }
}

#[tokio::test]
async fn a_store_without_conditions() {
    let server = Server::start();
    let storage = storage(&server, PATIENCE);
    for nth in 1..=3 {
        server.fail("PUT", nth, Fault::Status(501, "NotImplemented"));
    }
    let error = storage.put_new("one", "1".into()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    let text = error.to_string();
    assert!(text.contains("lacks conditional writes"), "{text}");
}

/// Two writers at once: neither may have won.
#[tokio::test]
async fn a_conflict_is_no_object_of_that_name() {
    let server = Server::start();
    let storage = storage(&server, PATIENCE);
    server.fail("PUT", 1, Fault::Status(409, "ConditionalRequestConflict"));
    let error = storage.put_new("one", "1".into()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    server.fail("PUT", 1, Fault::Status(412, "PreconditionFailed"));
    assert!(!storage.put_new("one", "1".into()).await.unwrap());
    assert!(storage.put_new("one", "1".into()).await.unwrap());
}

/// A read that is cut is never taken for the whole, nor what is continued from its start:
/// this server knows no `Range`.
#[tokio::test]
async fn an_answer_that_is_cut() {
    let server = Server::start();
    let storage = storage(&server, PATIENCE);
    storage.put("one", "0123456789".into()).await.unwrap();
    for _ in 0..2 {
        server.fail("GET", 1, Fault::CutInAnswer);
        match storage.get("one").await {
            Ok(found) => assert_eq!(found.unwrap(), "0123456789"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
        }
        server.fail("GET", 1, Fault::CutInAnswer);
        match storage.list("").await {
            Ok(found) => assert_eq!(found.len(), 1),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
        }
    }
}
