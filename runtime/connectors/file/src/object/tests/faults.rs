//! Any request fails in any way, and a process dies at any request.

use super::*;

const EPOCHS: u64 = 3;

/// Two processes, one after the other.
async fn run(store: &Store, mode: Mode) -> Result<()> {
    let log = Log::default();
    process(store, &log, mode, 2).await?;
    process(store, &log, mode, EPOCHS).await
}

#[tokio::test]
async fn any_request_fails_once() {
    for mode in [Mode::Append, Mode::Complete] {
        let store = Store::default();
        run(&store, mode).await.unwrap();
        assert_clean(&store, mode, EPOCHS, "nothing fails").await;
        let requests = store.requests();
        assert!(requests > 60, "{requests}");
        for fault in [Fault::Before, Fault::After, Fault::Twice] {
            for nth in 1..=requests {
                let store = Store::default();
                store.fail("", nth, fault);
                let what = format!("{mode:?}: request {nth}: {fault:?}");
                run(&store, mode)
                    .await
                    .unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_clean(&store, mode, EPOCHS, &what).await;
            }
        }
    }
}

#[tokio::test]
async fn a_process_dies_at_any_request() {
    for mode in [Mode::Append, Mode::Complete] {
        let store = Store::default();
        run(&store, mode).await.unwrap();
        let requests = store.requests();
        let mut died = 0;
        for first in 0..requests {
            // The one that comes back dies, too, at one of its first requests.
            for second in [None, Some(first % 13)] {
                let (store, log) = (Store::default(), Log::default());
                store.die_after(Some(first));
                let mut lived = process(&store, &log, mode, EPOCHS).await.is_ok();
                if let Some(second) = second {
                    store.die_after(Some(second));
                    lived = process(&store, &log, mode, EPOCHS).await.is_ok();
                }
                died += usize::from(!lived);
                store.die_after(None);
                process(&store, &log, mode, EPOCHS).await.unwrap();
                let what = format!("{mode:?}: it died at request {first}, then {second:?}");
                assert_clean(&store, mode, EPOCHS, &what).await;
            }
        }
        assert!(died > requests, "{died} of {requests}");
    }
}

/// With a kind of its own: whoever retries must know.
#[tokio::test]
async fn a_store_that_is_away_is_unavailable() {
    let store = Store::default();
    store.die_after(Some(0));
    let sink = sink(&store, Mode::Append);
    let error = sink
        .recover(&Log::default().open("run-a"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(
        error.to_string(),
        "cannot read `s3://bucket/out/_azud/owner.json`: 503 Service Unavailable, SlowDown"
    );
}
