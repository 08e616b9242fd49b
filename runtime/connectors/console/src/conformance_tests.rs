//! The kit's cases: what is printed is never printed too early, and never lost.

use azud_connect::conformance::{SinkFixture, SinkPromises, check_sink};

use super::*;

/// A screen that outlives the process.
#[derive(Default)]
struct Terminal {
    screen: Arc<Mutex<Vec<u8>>>,
}

#[async_trait]
impl SinkFixture for Terminal {
    fn promises(&self) -> SinkPromises {
        SinkPromises {
            commits_once: false,
            refuses: false,
            ..SinkPromises::default()
        }
    }

    async fn reset(&mut self) -> Result<()> {
        *self = Self::default();
        Ok(())
    }

    async fn make(&mut self, _lanes: usize) -> Result<Arc<dyn Sink>> {
        let options = ConsoleOptions {
            style: Style::Json,
            ..ConsoleOptions::default()
        };
        Ok(Arc::new(Console::new(&options, self.screen.clone())))
    }

    async fn visible(&mut self) -> Result<Option<Vec<i64>>> {
        let text = String::from_utf8(self.screen.lock().unwrap().clone()).unwrap();
        let id = |line: &str| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            row["id"].as_i64().unwrap()
        };
        Ok(Some(text.lines().map(id).collect()))
    }
}

#[tokio::test]
async fn json_lines_keep_every_promise_of_a_sink_that_prints() {
    let report = check_sink(&mut Terminal::default()).await.unwrap();
    let skipped = [
        "commit-twice",
        "unavailable",
        "abort-after-record",
        "cancel",
        "other-run",
        "older-state",
    ];
    assert_eq!(report.skipped, skipped);
}
