//! The kit's cases: nobody sees its rows, but its writers count them.

use azud_connect::conformance::{SinkFixture, SinkPromises, check_sink};

use super::*;

/// Nothing.
struct Hole {
    encode: bool,
}

#[async_trait]
impl SinkFixture for Hole {
    fn promises(&self) -> SinkPromises {
        SinkPromises {
            refuses: false,
            ..SinkPromises::default()
        }
    }

    async fn reset(&mut self) -> Result<()> {
        Ok(())
    }

    async fn make(&mut self, _lanes: usize) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(Blackhole {
            encode: self.encode,
        }))
    }

    async fn visible(&mut self) -> Result<Option<Vec<i64>>> {
        Ok(None)
    }
}

#[tokio::test]
async fn a_blackhole_counts_rows_whatever_dies() {
    for encode in [false, true] {
        let report = check_sink(&mut Hole { encode }).await.unwrap();
        assert_eq!(
            report.skipped,
            [
                "unavailable",
                "abort-after-record",
                "other-run",
                "older-state"
            ]
        );
    }
}
