//! Against a server that speaks S3, and fails on request.

mod answers;
mod everywhere;
mod server;

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::memory::InMemory;

use self::server::Server;
use super::*;

/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(5);

/// The storage that a server is; patient for so long.
fn storage(server: &Server, patience: Duration) -> ObjectStorage {
    let builder = AmazonS3Builder::new()
        .with_endpoint(server.endpoint())
        .with_allow_http(true)
        .with_region("us-east-1")
        .with_access_key_id("x")
        .with_secret_access_key("the-secret");
    let url = BucketUrl {
        bucket: "bucket".to_owned(),
        prefix: "a/b".to_owned(),
    };
    let bucket = Bucket::built(builder, &url).unwrap();
    ObjectStorage {
        bucket: bucket.patient(patience),
    }
}

async fn contract(storage: &dyn Storage) {
    assert!(storage.list("epochs").await.unwrap().is_empty());
    assert_eq!(storage.get("epochs/1.json").await.unwrap(), None);
    let new = storage.put_new("epochs/1.json", "one".into()).await;
    assert!(new.unwrap());
    let new = storage.put_new("epochs/1.json", "two".into()).await;
    assert!(!new.unwrap());
    assert_eq!(storage.get("epochs/1.json").await.unwrap().unwrap(), "one");
    storage.put("epochs/1.json", "three".into()).await.unwrap();
    storage
        .put("epochs/below/2", "not here".into())
        .await
        .unwrap();
    let listed = storage.list("epochs").await.unwrap();
    let expected = Listed {
        name: "1.json".to_owned(),
        bytes: 5,
    };
    assert_eq!(listed, [expected]);
    for (before, after, done) in [("one", "x", false), ("three", "four", true)] {
        let seen = before.into();
        let replaced = storage.replace("epochs/1.json", &seen, after.into());
        assert_eq!(replaced.await.unwrap(), done, "{before}");
    }
    let seen = Bytes::new();
    let missing = storage.replace("epochs/7.json", &seen, "x".into());
    assert!(!missing.await.unwrap());
    assert_eq!(storage.get("epochs/1.json").await.unwrap().unwrap(), "four");
    storage.delete("epochs/1.json").await.unwrap();
    storage.delete("epochs/1.json").await.unwrap();
    assert!(storage.list("epochs").await.unwrap().is_empty());
    assert!(storage.folder().is_none());
}

#[tokio::test]
async fn objects_are_whole_listed_and_never_replaced_unasked() {
    contract(&ObjectStorage::new(Arc::new(InMemory::new()), "memory://")).await;
    let server = Server::start();
    let storage = storage(&server, PATIENCE);
    contract(&storage).await;
    let keys: Vec<_> = server.objects().into_keys().collect();
    assert_eq!(keys, ["a/b/epochs/below/2"]);
    assert_eq!(storage.place(""), "s3://bucket/a/b");
    assert_eq!(storage.place("x/y"), "s3://bucket/a/b/x/y");
}

#[test]
fn an_endpoint_without_tls_must_be_allowed() {
    let url = BucketUrl {
        bucket: "bucket".to_owned(),
        prefix: String::new(),
    };
    let builder = AmazonS3Builder::new().with_endpoint("http://127.0.0.1:1");
    let error = Bucket::built(builder, &url).unwrap_err().to_string();
    assert!(error.contains("set AWS_ALLOW_HTTP=true"), "{error}");
}
