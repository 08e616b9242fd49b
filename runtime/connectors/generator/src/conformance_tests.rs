//! The kit's cases: rows that are made up are never lost, and none comes twice.

use std::time::Duration;

use azud_connect::conformance::{SourceFixture, SourcePromises, check_source};
use serde_json::json;

use super::*;

/// Rows of a record of the kit: so that a few of them are many blocks.
const ROWS: usize = 500;

/// A generator of a sequence.
#[derive(Default)]
struct Sequence {
    rows: usize,
}

#[async_trait]
impl SourceFixture for Sequence {
    fn promises(&self) -> SourcePromises {
        SourcePromises {
            grows: false,
            quiet: Duration::from_millis(5),
            ..SourcePromises::default()
        }
    }

    async fn reset(&mut self) -> Result<()> {
        self.rows = 0;
        Ok(())
    }

    async fn give(&mut self, count: usize) -> Result<Vec<String>> {
        let first = self.rows;
        self.rows += count * ROWS;
        Ok((first..self.rows)
            .map(|n| format!("{{\"n\":{n}}}"))
            .collect())
    }

    async fn make(&mut self, context: SourceContext) -> Result<Arc<dyn Source>> {
        let column = json!({"type": "bigint", "sequence": true, "min": 0});
        let options = json!({"rows": self.rows, "columns": {"n": column}});
        let options = azud_connect::options(options)?;
        Ok(Arc::new(Generator::new(&options, &context)?))
    }
}

#[tokio::test]
async fn a_generator_keeps_every_promise_of_a_source() {
    let report = check_source(&mut Sequence::default()).await.unwrap();
    assert_eq!(report.skipped, ["disconnect", "share", "back-pressure"]);
}
