//! A checkpoint over a server any of whose requests fails in any way.

use azud_model::{Epoch, Error, ErrorKind};

use super::server::Fault;
use super::*;
use crate::{Checkpoint, EpochLog, Opened, Record, component};

/// Short, so that hanging costs little; whoever is too slow by accident tries again.
const SHORT: Duration = Duration::from_millis(150);

/// As the engine does.
async fn again<T, F: Future<Output = Result<T>>>(mut call: impl FnMut() -> F) -> T {
    for _ in 0..50 {
        match call().await {
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            done => return done.unwrap(),
        }
    }
    panic!("it is tried for ever");
}

/// And the sha256 of it.
const COMPONENT: &str = "a component";
const SHA256: &str = "626d0ce33ca550dc06351c3ea7b698be557ff5d35bf25edc44221b561838594c";

async fn open(storage: &Arc<dyn Storage>) -> Opened {
    let opened = again(|| Checkpoint::open(storage.clone(), "p", 2)).await;
    let all = [Bytes::from(COMPONENT)];
    again(|| opened.checkpoint.keep_components(&all)).await;
    opened
}

async fn epoch(checkpoint: &Checkpoint, number: u64) -> Record {
    let epoch = Epoch {
        number,
        time_ms: 5,
        input_rows: number,
        last: false,
    };
    let record = Record::new("p", checkpoint.run(), checkpoint.generation(), &epoch);
    again(|| checkpoint.record(&record)).await;
    again(|| checkpoint.check_owner()).await;
    again(|| checkpoint.clean()).await;
    record
}

/// Two runs, one after the other, of three epochs in all.
async fn runs(server: &Server) {
    let storage: Arc<dyn Storage> = Arc::new(storage(server, SHORT));
    let first = open(&storage).await;
    assert_eq!(first.last, None);
    epoch(&first.checkpoint, 0).await;
    let last = epoch(&first.checkpoint, 1).await;
    let second = open(&storage).await;
    assert_eq!(second.last, Some(last));
    assert_eq!(second.checkpoint.run(), first.checkpoint.run());
    assert!(second.checkpoint.generation() > first.checkpoint.generation());
    let last = epoch(&second.checkpoint, 2).await;

    server.calm();
    let lost = again(|| async {
        match first.checkpoint.check_owner().await {
            Err(error) if error.kind() == ErrorKind::Invalid => Ok(()),
            Err(error) => Err(error),
            Ok(()) => Err(Error::invalid("two runs own the checkpoint")),
        }
    });
    lost.await;
    let (_, kept) = again(|| component(storage.as_ref(), SHA256)).await;
    assert_eq!(kept, COMPONENT);
    let log = EpochLog::new(storage);
    let epochs = again(|| log.epochs()).await;
    // Epoch 0 was removed; a write of it that hung may come after that.
    assert!(epochs == [1, 2] || epochs == [0, 1, 2], "{epochs:?}");
    let found = again(|| log.last()).await.unwrap();
    assert_eq!(found.record, last);
    for epoch in [1, 2] {
        let record = again(|| log.read(epoch)).await;
        assert_eq!(record.input_rows, epoch);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_whichever_request_fails() {
    let server = Server::start();
    runs(&server).await;
    let requests = server.requests();
    assert!(requests > 30, "{requests}");
    let faults = [
        Fault::Status(500, "InternalError"),
        Fault::Status(503, "SlowDown"),
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::CutInAnswer,
        Fault::Hang(400),
    ];
    for fault in faults {
        let mut all = tokio::task::JoinSet::new();
        for nth in 1..=requests {
            all.spawn(async move {
                let server = Server::start();
                server.fail("*", nth, fault);
                // Also where it does not pass at once.
                if nth % 2 == 0 {
                    server.fail("*", nth + 1, fault);
                    server.fail("*", nth + 2, fault);
                }
                runs(&server).await;
            });
        }
        while let Some(done) = all.join_next().await {
            assert!(done.is_ok(), "{fault:?}: {done:?}");
        }
    }
}
