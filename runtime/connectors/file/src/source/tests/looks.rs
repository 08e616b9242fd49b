//! Looking again and again: nothing is dealt twice, nothing is forgotten.

use std::collections::HashMap;
use std::os::unix::fs::symlink;

use super::*;
use crate::source::dealer::Dealer;
use crate::source::find::Pattern;

/// A dealer that looks at a folder whenever it is asked.
pub(super) fn dealer(home: &Path, clock: Arc<ManualClock>, options: Value) -> Arc<Dealer> {
    let context = SourceContext {
        pipeline: "test".into(),
        clock,
        ..context(home, 1, false, Framing::Lines)
    };
    let options: crate::FileSourceOptions = serde_json::from_value(options).unwrap();
    let pattern = Pattern::new(&options.path, home).unwrap();
    Dealer::new(&options, &context, pattern, HashMap::new())
}

/// The names of the files that wait for the only reader.
pub(super) fn dealt(dealer: &Dealer) -> Vec<String> {
    std::iter::from_fn(|| dealer.take(0))
        .map(|(file, _)| file.name)
        .collect()
}

/// Two looks that overtake each other must not forget what the other has dealt.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_file_is_dealt_once_however_many_look() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("in")).unwrap();
    let clock = Arc::new(ManualClock::at(1_700_000_000_000));
    let options = json!({"path": "in", "settle": "0s", "poll": "1ms"});
    let dealer = dealer(home.path(), clock.clone(), options);
    let lanes: Vec<_> = (0..4)
        .map(|_| {
            let (dealer, clock) = (dealer.clone(), clock.clone());
            tokio::spawn(async move {
                for _ in 0..300 {
                    clock.advance(Duration::from_secs(1));
                    assert!(dealer.refresh().await.unwrap());
                }
            })
        })
        .collect();
    for n in 0..300 {
        write(home.path(), &format!("aside/{n:03}"), "x\n", n);
        let [from, to] = ["aside", "in"].map(|at| home.path().join(format!("{at}/{n:03}")));
        fs::rename(from, to).unwrap();
        tokio::task::yield_now().await;
    }
    for lane in lanes {
        lane.await.unwrap();
    }
    clock.advance(Duration::from_secs(1));
    dealer.refresh().await.unwrap();
    let mut names = dealt(&dealer);
    names.sort();
    let all: Vec<String> = (0..300).map(|n| format!("in/{n:03}")).collect();
    assert_eq!(names, all);
}

/// A file that cannot be looked at for a moment is not gone.
#[tokio::test]
async fn a_look_that_fails_forgets_nothing() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "in/d/a", "1\n", 10);
    for (path, broken) in [("in/d", "in/d/a"), ("in/d/*", "in/d/a"), ("in/*/a", "in/d")] {
        let clock = Arc::new(ManualClock::at(1_700_000_000_000));
        let dealer = dealer(home.path(), clock.clone(), json!({ "path": path }));
        dealer.look().unwrap();
        assert_eq!(dealt(&dealer), ["in/d/a"], "{path}");

        // A link to itself cannot be followed: neither there nor gone.
        let [there, aside] = [broken, "aside"].map(|name| home.path().join(name));
        fs::rename(&there, &aside).unwrap();
        symlink(&there, &there).unwrap();
        clock.advance(Duration::from_secs(1));
        if let Err(error) = dealer.look() {
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            let expected = "cannot read `in/d/a`: ";
            assert!(error.to_string().starts_with(expected), "{error}");
        }
        fs::remove_file(&there).unwrap();
        fs::rename(&aside, &there).unwrap();
        clock.advance(Duration::from_secs(1));
        dealer.look().unwrap();
        assert_eq!(dealt(&dealer), Vec::<String>::new(), "{path}");
    }
}

/// A file that was removed and is there again is another one.
#[tokio::test]
async fn a_file_that_is_there_again_is_read() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "in/a", "1\n", 10);
    for path in ["in", "in/*", "in/a"] {
        let clock = Arc::new(ManualClock::at(1_700_000_000_000));
        let dealer = dealer(home.path(), clock.clone(), json!({ "path": path }));
        dealer.look().unwrap();
        assert_eq!(dealt(&dealer), ["in/a"], "{path}");
        fs::remove_file(home.path().join("in/a")).unwrap();
        clock.advance(Duration::from_secs(1));
        dealer.look().unwrap();
        write(home.path(), "in/a", "2\n", 10);
        clock.advance(Duration::from_secs(1));
        dealer.look().unwrap();
        assert_eq!(dealt(&dealer), ["in/a"], "{path}");
    }
}
