//! The kit's cases.

use azud_connect::conformance::{SinkCall, SinkFixture, SinkPromises, check_sink};

use super::*;

struct Fixture {
    store: Store,
    mode: Mode,
}

#[async_trait::async_trait]
impl SinkFixture for Fixture {
    fn promises(&self) -> SinkPromises {
        SinkPromises {
            replaces: self.mode == Mode::Complete,
            // What is aborted is given up: an upload costs until somebody does.
            aborts_unrecorded: false,
            seeds: 50,
            ..SinkPromises::default()
        }
    }

    async fn reset(&mut self) -> Result<()> {
        self.store = Store::default();
        Ok(())
    }

    async fn make(&mut self, lanes: usize) -> Result<Arc<dyn Sink>> {
        let sink = sink_of(&self.store, context(lanes, self.mode, true));
        Ok(Arc::new(sink))
    }

    async fn visible(&mut self) -> Result<Option<Vec<i64>>> {
        let lines: Vec<String> = self.store.visible().await.into_values().collect();
        let rows = lines
            .concat()
            .lines()
            .map(|id| id.parse().unwrap())
            .collect();
        Ok(Some(rows))
    }

    async fn fail_next(&mut self, call: SinkCall) -> Result<bool> {
        let (call, fault) = match call {
            SinkCall::Write => ("create", Fault::Before),
            SinkCall::Prepare => ("part", Fault::After),
            SinkCall::Commit => ("complete", Fault::After),
        };
        self.store.fail(call, 1, fault);
        Ok(true)
    }
}

#[tokio::test]
async fn a_table_in_a_bucket_keeps_every_promise_of_a_sink() {
    for mode in [Mode::Append, Mode::Complete] {
        let store = Store::default();
        let report = check_sink(&mut Fixture { store, mode }).await.unwrap();
        assert_eq!(report.skipped, ["abort-after-record"], "{mode:?}");
    }
}
