//! The kit's cases, for every layout.

use azud_connect::conformance::{SinkFixture, SinkPromises, check_sink};

use super::*;

/// A folder that rows are written to, a number a line.
struct Place {
    home: tempfile::TempDir,
    options: Value,
    mode: Mode,
    lags: bool,
}

impl Place {
    fn new(mode: Mode, options: Value) -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            options,
            mode,
            lags: false,
        }
    }
}

#[async_trait::async_trait]
impl SinkFixture for Place {
    fn promises(&self) -> SinkPromises {
        SinkPromises {
            replaces: self.mode == Mode::Complete,
            lags: self.lags,
            aborts_unrecorded: true,
            ..SinkPromises::default()
        }
    }

    async fn reset(&mut self) -> Result<()> {
        self.home = tempfile::tempdir().unwrap();
        Ok(())
    }

    async fn make(&mut self, lanes: usize) -> Result<Arc<dyn Sink>> {
        let clock = Arc::new(ManualClock::at(0));
        let context = SinkContext {
            pipeline: "test".into(),
            lanes,
            checkpointed: true,
            group: None,
            ..context(self.home.path(), "text", self.mode, &clock)
        };
        crate::sink::make(self.options.clone(), context)
    }

    async fn visible(&mut self) -> Result<Option<Vec<i64>>> {
        let files = tree(self.home.path()).into_iter();
        // A folder that was put aside is hidden like one that is not complete.
        let shown = files.filter(|(name, _)| {
            let hidden = |part: &str| part.starts_with('.') || part.starts_with('_');
            !name.split('/').any(hidden)
        });
        let lines: Vec<String> = shown.map(|(_, content)| content).collect();
        let rows = lines
            .concat()
            .lines()
            .map(|id| id.parse().unwrap())
            .collect();
        Ok(Some(rows))
    }
}

async fn keeps_every_promise(mut place: Place) {
    let report = check_sink(&mut place).await.unwrap();
    assert_eq!(report.skipped, ["unavailable"]);
}

#[tokio::test]
async fn a_table_keeps_every_promise_of_a_sink() {
    let options = json!({"path": "out", "layout": "table"});
    keeps_every_promise(Place::new(Mode::Append, options)).await;
}

#[tokio::test]
async fn a_table_that_is_replaced_keeps_every_promise_of_a_sink() {
    let options = json!({"path": "out", "layout": "table"});
    keeps_every_promise(Place::new(Mode::Complete, options)).await;
}

#[tokio::test]
async fn batches_keep_every_promise_of_a_sink() {
    let options = json!({"path": "out", "layout": "batches"});
    keeps_every_promise(Place::new(Mode::Append, options)).await;
}

#[tokio::test]
async fn rolling_files_keep_every_promise_of_a_sink() {
    // Complete with each epoch, after some, and only with the next start.
    for size in ["1B", "20B", "1MiB"] {
        let options = json!({"path": "out", "layout": "rolling", "roll": {"size": size}});
        let mut place = Place::new(Mode::Append, options);
        place.lags = size != "1B";
        keeps_every_promise(place).await;
    }
}
