//! The kit's cases, over folders of files.

use azud_connect::conformance::{SourceFixture, SourcePromises, check_source};
use azud_model::Result;

use super::*;

/// A folder that files come to; each is a partition.
struct Folder {
    home: tempfile::TempDir,
    options: Value,
    share: Option<usize>,
    is_packed: bool,
    files: usize,
    records: usize,
}

impl Folder {
    fn new(more: Value) -> Self {
        let mut options = json!({"path": "in", "settle": "0ms", "poll": "2ms"});
        let own = options.as_object_mut().unwrap();
        own.extend(more.as_object().unwrap().clone());
        Self {
            home: tempfile::tempdir().unwrap(),
            share: options
                .get("max_rows")
                .map(|rows| rows.as_u64().unwrap() as usize),
            options,
            is_packed: false,
            files: 0,
            records: 0,
        }
    }
}

#[async_trait::async_trait]
impl SourceFixture for Folder {
    fn promises(&self) -> SourcePromises {
        SourcePromises {
            share: self.share,
            quiet: Duration::from_millis(20),
            ..SourcePromises::default()
        }
    }

    async fn reset(&mut self) -> Result<()> {
        self.home = tempfile::tempdir().unwrap();
        fs::create_dir(self.home.path().join("in")).unwrap();
        Ok(())
    }

    async fn give(&mut self, count: usize) -> Result<Vec<String>> {
        let first = self.records;
        self.records += count;
        self.files += 1;
        let records: Vec<_> = (first..self.records)
            .map(|n| format!("record {n}"))
            .collect();
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        let content = match self.is_packed {
            true => gzip(lines.as_bytes()),
            false => lines.into_bytes(),
        };
        let folder = self.home.path().join("in");
        let hidden = folder.join(".new");
        fs::write(&hidden, content).unwrap();
        fs::rename(hidden, folder.join(format!("{}.txt", self.files))).unwrap();
        Ok(records)
    }

    async fn make(&mut self, context: SourceContext) -> Result<Arc<dyn Source>> {
        let directory = self.home.path().to_owned();
        let context = SourceContext {
            pipeline: "test".into(),
            directory,
            ..context
        };
        crate::source::make(self.options.clone(), context)
    }
}

#[tokio::test]
async fn a_folder_keeps_every_promise_of_a_source() {
    let report = check_source(&mut Folder::new(json!({}))).await.unwrap();
    assert_eq!(report.skipped, ["disconnect", "share", "back-pressure"]);
}

#[tokio::test]
async fn a_folder_with_a_share_keeps_every_promise_of_a_source() {
    let mut folder = Folder::new(json!({"max_rows": 4}));
    let report = check_source(&mut folder).await.unwrap();
    assert_eq!(report.skipped, ["disconnect", "back-pressure"]);
}

#[tokio::test]
async fn a_folder_with_other_limits_keeps_every_promise_of_a_source() {
    let mut folder = Folder::new(json!({"max_files": 1, "max_bytes": "30B"}));
    let report = check_source(&mut folder).await.unwrap();
    assert_eq!(report.skipped, ["disconnect", "share", "back-pressure"]);
}

#[tokio::test]
async fn packed_files_keep_every_promise_of_a_source() {
    let mut folder = Folder::new(json!({"max_rows": 5}));
    folder.is_packed = true;
    let report = check_source(&mut folder).await.unwrap();
    assert_eq!(report.skipped, ["disconnect", "back-pressure"]);
}
