use std::collections::HashMap;

use azud_connect::{Framer, SourceContext};
use azud_model::{ErrorKind, ManualClock};

use super::super::find::Pattern;
use super::*;

/// A reader of no file, and its options.
fn reader(home: &std::path::Path) -> FileReader {
    let context = SourceContext {
        pipeline: "test".into(),
        node: "in".into(),
        directory: home.to_owned(),
        lanes: 1,
        finite: true,
        framing: Framing::Lines,
        metadata: Vec::new(),
        clock: Arc::new(ManualClock::at(0)),
    };
    let options = serde_json::from_value(serde_json::json!({"path": "."})).unwrap();
    let pattern = Pattern::new(".", home).unwrap();
    let dealer = Dealer::new(&options, &context, pattern, HashMap::new());
    FileReader::new(0, dealer, Share::new(&options, 0, 1), &context, &options)
}

/// A thread that panics closes its channel, as one does that has read everything.
#[tokio::test]
async fn silence_is_not_the_end_of_a_file() {
    let home = tempfile::tempdir().unwrap();
    let mut reader = reader(home.path());
    let (sender, chunks) = mpsc::channel(1);
    reader.current = Some(Current {
        partition: reader.partition("in/a".into()),
        chunks,
        rest: None,
        place: Place::default(),
    });
    let mut framer = Framer::new(Framing::Lines, azud_connect::DEFAULT_MAX_RECORD);
    framer.push(b"1\n2\n");
    let chunk = framer.chunk().unwrap();
    sender.send(Ok(Part::Chunk(chunk))).await.unwrap();
    drop(sender);
    assert!(matches!(reader.next().await.unwrap(), Read::Records(_)));
    let error = reader.next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert_eq!(
        error.to_string(),
        "reading file `in/a` broke off after line 2"
    );
    assert!(reader.positions()[0].next.contains("\"done\":false"));
}
