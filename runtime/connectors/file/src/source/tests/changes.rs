//! Files that are written while they are found, read or waited for.

use super::looks::{dealer, dealt};
use super::*;
use crate::source::found::Found;
use crate::source::place::Place;
use crate::source::read::{Part, Task};
use crate::source::state::End;

fn append(path: &Path, text: &str) {
    let mut file = fs::File::options().append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// How a file ends that `during` changes while it is read.
async fn end(home: &Path, during: impl FnOnce(&Path)) -> End {
    // More than is read ahead.
    write(home, "a", "0123456789abcdef\n".repeat(200_000), 10);
    let path = home.join("a");
    let file = Found::at(Path::new("a"), path.clone()).unwrap().unwrap();
    let task = Task {
        file,
        from: Place::default(),
        framing: Framing::Lines,
        max_line: azud_connect::DEFAULT_MAX_RECORD,
    };
    let mut parts = task.start();
    let mut during = Some(during);
    loop {
        match parts.recv().await.unwrap().unwrap() {
            Part::Chunk(_) => during.take().into_iter().for_each(|during| during(&path)),
            Part::End(end) => {
                assert!(parts.recv().await.is_none());
                return end;
            }
        }
    }
}

#[tokio::test]
async fn a_file_that_grows_while_it_is_read_is_told() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(end(home.path(), |_| {}).await, End::Whole(3_400_000));
    let grown = end(home.path(), |path| append(path, "more\n")).await;
    assert_eq!(grown, End::Changed { grew: true });
    let touched = end(home.path(), |path| {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
    });
    assert_eq!(touched.await, End::Changed { grew: false });
}

#[tokio::test]
async fn a_file_that_grows_after_it_was_read_is_told_once() {
    let home = tempfile::tempdir().unwrap();
    for name in ["in/a", "in/b", "in/c"] {
        write(home.path(), name, "1\n2\n", 10);
    }
    let clock = Arc::new(ManualClock::at(1_700_000_000_000));
    let dealer = dealer(home.path(), clock.clone(), json!({"path": "in"}));
    let look = || {
        clock.advance(Duration::from_secs(1));
        dealer.look().unwrap()
    };
    assert_eq!(look(), Vec::<String>::new());
    assert_eq!(dealt(&dealer), ["in/a", "in/b", "in/c"]);
    // While it waits it may grow: it is read whole.
    append(&home.path().join("in/a"), "3\n");
    assert_eq!(look(), Vec::<String>::new());
    dealer.ended("in/a", &End::Whole(6), 3);
    dealer.ended("in/b", &End::Whole(4), 2);
    // That was told.
    dealer.ended("in/c", &End::Changed { grew: true }, 2);
    assert_eq!(look(), Vec::<String>::new());

    append(&home.path().join("in/a"), "4\n");
    append(&home.path().join("in/c"), "3\n");
    write(home.path(), "in/b", "", 10);
    assert_eq!(
        look(),
        [
            "`in/b` changed after it was read: it is not read again",
            "`in/a` grew after it was read: what follows line 3 is not read",
        ]
    );
    append(&home.path().join("in/a"), "5\n");
    assert_eq!(look(), Vec::<String>::new());
    assert_eq!(dealt(&dealer), Vec::<String>::new());
}

/// The words for a file that changed while it was read.
#[test]
fn what_is_told() {
    use crate::source::state::{Known, State};
    let mut state = State::default();
    for (end, expected) in [
        (End::Whole(1), None),
        (
            End::Changed { grew: true },
            Some("`in/a.log` grew while it was read: what follows line 7 is not read"),
        ),
        (
            End::Changed { grew: false },
            Some("`in/a.log` changed while it was read: it is not read again"),
        ),
    ] {
        state.known.insert("in/a.log".into(), Known::Dealt);
        let told = state.ended("in/a.log", &end, 7);
        assert_eq!(told.as_deref(), expected);
    }
}

/// With a `settle` of its own a finite run waits for files that are new.
#[tokio::test]
async fn a_finite_run_waits_until_files_have_settled() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "in/old", "1\n", 10);
    let options = json!({"path": "in", "settle": "300ms", "poll": "10ms"});
    fs::write(home.path().join("in/new"), "2\n").unwrap();
    let (read, error) = read_all(&source(home.path(), options), &[]).await;
    assert_eq!(
        (read, error),
        (vec!["in/old:1:1".into(), "in/new:1:2".into()], None)
    );
}

#[tokio::test]
async fn a_finite_run_says_what_it_does_not_read() {
    let home = tempfile::tempdir().unwrap();
    for name in ["in/kept", "in/written", "in/gone"] {
        write(home.path(), name, "1\n", 0);
    }
    // By the clock they are from the future: only watching them helps.
    let clock = Arc::new(ManualClock::at(0));
    let context = SourceContext {
        pipeline: "test".into(),
        clock: clock.clone(),
        ..context(home.path(), 4, true, Framing::Lines)
    };
    let options = json!({"path": "in", "settle": "2s", "poll": "1ms"});
    let source = super::super::make(options, context.clone()).unwrap();
    let mut readers = source.open(&[]).await.unwrap();
    assert_eq!(readers.len(), 3);
    assert!(look(&clock, &mut readers[0]).await.is_none());
    append(&home.path().join("in/written"), "2\n");
    fs::remove_file(home.path().join("in/gone")).unwrap();
    write(home.path(), "in/later", "no\n", 0);
    let mut read = Vec::new();
    for reader in &mut readers {
        while let Some(Read::Records(records)) = look(&clock, reader).await {
            read.extend(texts(&records));
        }
        assert!(matches!(reader.next().await.unwrap(), Read::End));
    }
    assert_eq!(read, ["in/kept:1:1"]);

    let clock = Arc::new(ManualClock::at(0));
    let settle = json!({"path": "in", "settle": "2s", "poll": "1ms"});
    let pattern = crate::source::find::Pattern::new("in", home.path()).unwrap();
    let options = serde_json::from_value(settle).unwrap();
    let context = SourceContext {
        pipeline: "test".into(),
        clock: clock.clone(),
        ..context
    };
    let dealer =
        crate::source::dealer::Dealer::new(&options, &context, pattern, Default::default());
    assert_eq!(dealer.open().await.unwrap(), 3);
    append(&home.path().join("in/written"), "3\n");
    clock.advance(Duration::from_secs(1));
    assert_eq!(
        dealer.look().unwrap(),
        ["`in/written` is still being written: this run does not read it"]
    );
}
