//! `tests/services/s3`, a real server, and what a reader of its bucket sees.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use azud_object::{Bucket, BucketUrl, Condition};
use object_store::aws::AmazonS3Builder;

use crate::process::{log, run, wait};

/// The server of this test; it ends with the process, whose pipe it reads.
pub(crate) struct Server {
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) bucket: String,
    _child: Child,
    _pipe: ChildStdin,
}

impl Server {
    /// `None`, and a word why, where it cannot be had.
    pub(crate) fn get() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        SERVER.get_or_init(Self::start).as_ref()
    }

    #[expect(clippy::print_stdout, reason = "a test that does nothing says so")]
    fn start() -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/services/s3");
        let mut child = Command::new(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pipe = child.stdin.take().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told: Vec<String> = lines
            .map(|line| line.unwrap())
            .take_while(|line| line != "ready")
            .collect();
        let of = |name: &str| {
            let line = told.iter().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.strip_prefix('='))
                .map(str::to_owned)
        };
        let Some(bucket) = of("S3_BUCKET") else {
            let status = child.wait().unwrap();
            // It has told the reason.
            assert_eq!(status.code(), Some(3), "tests/services/s3: {status}");
            println!("skipped: there is no S3 server here");
            return None;
        };
        Some(Self {
            environment: vec![
                ("AWS_ENDPOINT_URL", of("S3").unwrap()),
                ("AWS_ACCESS_KEY_ID", of("S3_KEY").unwrap()),
                ("AWS_SECRET_ACCESS_KEY", of("S3_SECRET").unwrap()),
                ("AWS_REGION", "us-east-1".to_owned()),
                ("AWS_ALLOW_HTTP", "true".to_owned()),
            ],
            bucket,
            _child: child,
            _pipe: pipe,
        })
    }

    pub(crate) fn run(&self, folder: &Path, kill_at: Option<&str>) -> Child {
        let mut command = run(folder, kill_at, &[]);
        command.envs(self.environment.iter().cloned());
        command.spawn().unwrap()
    }

    pub(crate) fn finish(&self, folder: &Path) {
        let status = wait(&mut self.run(folder, None), folder);
        assert!(status.success(), "{status}: {}", log(folder));
    }

    /// What a subcommand prints.
    pub(crate) fn tell(&self, folder: &Path, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_azud"))
            .current_dir(folder)
            .args(arguments)
            .envs(self.environment.iter().cloned())
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// All that a reader of a prefix sees, and the lists beside it, as files in a folder.
    pub(crate) fn copy(&self, prefix: &str) -> tempfile::TempDir {
        let bucket = self.bucket(prefix);
        let copy = tempfile::tempdir().unwrap();
        std::fs::create_dir(copy.path().join("_azud")).unwrap();
        wait_for(async {
            for folder in ["", "_azud"] {
                for object in bucket.list(folder).await.unwrap() {
                    let name = format!("{folder}/{}", object.name);
                    let name = name.trim_start_matches('/');
                    let (bytes, _) = bucket.get(name).await.unwrap().unwrap();
                    if name != "_azud/owner.json" {
                        std::fs::write(copy.path().join(name), bytes).unwrap();
                    }
                }
            }
        });
        copy
    }

    /// The names of markers of uploads.
    pub(crate) fn markers(&self, prefix: &str) -> Vec<String> {
        let bucket = self.bucket(prefix);
        let listed = wait_for(async { bucket.list("_azud/uploads").await.unwrap() });
        listed.into_iter().map(|object| object.name).collect()
    }

    fn bucket(&self, prefix: &str) -> Bucket {
        let of = |name: &str| {
            let mut found = self.environment.iter().filter(|(one, _)| *one == name);
            found.next().unwrap().1.clone()
        };
        let builder = AmazonS3Builder::new()
            .with_endpoint(of("AWS_ENDPOINT_URL"))
            .with_access_key_id(of("AWS_ACCESS_KEY_ID"))
            .with_secret_access_key(of("AWS_SECRET_ACCESS_KEY"))
            .with_allow_http(true);
        let url = BucketUrl {
            bucket: self.bucket.clone(),
            prefix: prefix.to_owned(),
        };
        Bucket::built(builder, &url).unwrap()
    }

    /// How many uploads of a prefix have parts, as the server says: nobody has completed
    /// them or given them up. Without parts they cost nothing, and nobody knows them.
    pub(crate) fn uploads(&self, prefix: &str) -> usize {
        let all = self.ask("?uploads=");
        assert!(all.contains("ListMultipartUploadsResult"), "{all}");
        let uploads = all.split("<Upload>").skip(1);
        let of = |upload: &str, tag: &str| {
            let (_, rest) = upload.split_once(&format!("<{tag}>")).unwrap();
            rest.split_once('<').unwrap().0.to_owned()
        };
        let ours = uploads.map(|one| (of(one, "Key"), of(one, "UploadId")));
        let ours = ours.filter(|(key, _)| key.starts_with(&format!("{prefix}/")));
        let has_parts = |(key, id): &(String, String)| {
            let parts = self.ask(&format!("/{key}?uploadId={id}"));
            assert!(parts.contains("ListPartsResult"), "{parts}");
            parts.contains("<Part>")
        };
        ours.filter(has_parts).count()
    }

    /// What the server answers to a request for the bucket, or below it.
    fn ask(&self, what: &str) -> String {
        let of = |name: &str| {
            let mut found = self.environment.iter().filter(|(one, _)| *one == name);
            found.next().unwrap().1.clone()
        };
        let key = format!(
            "{}:{}",
            of("AWS_ACCESS_KEY_ID"),
            of("AWS_SECRET_ACCESS_KEY")
        );
        let url = format!("{}/{}{what}", of("AWS_ENDPOINT_URL"), self.bucket);
        let output = Command::new("curl")
            .args(["-sf", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user"])
            .args([&key, &url])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A store lists a thousand objects at a time.
#[test]
fn more_objects_than_a_page_are_listed_once() {
    let Some(server) = Server::get() else { return };
    let bucket = server.bucket("pages");
    let name = |number: usize| format!("part-{number:04}");
    let listed = wait_for(async {
        let puts = (0..1_100).map(|number| {
            let bucket = bucket.clone();
            async move {
                let name = name(number);
                let put = bucket.put(&name, "x".into(), Condition::New);
                assert!(put.await.unwrap().is_some());
            }
        });
        for put in puts {
            put.await;
        }
        let below = bucket.put("below/part", "x".into(), Condition::New);
        assert!(below.await.unwrap().is_some());
        bucket.list("").await.unwrap()
    });
    let mut names: Vec<String> = listed.into_iter().map(|object| object.name).collect();
    names.sort();
    assert_eq!(names, (0..1_100).map(name).collect::<Vec<_>>());
}

fn wait_for<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}
