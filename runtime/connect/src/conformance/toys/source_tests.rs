use super::source::{Flaw, Toy};
use crate::conformance::check_source;

const ALL: [&str; 11] = [
    "once",
    "end",
    "resume",
    "restarts",
    "roll-back",
    "cancel",
    "disconnect",
    "share",
    "back-pressure",
    "unknown-position",
    "committed",
];

async fn failing(flaw: Flaw) -> Vec<&'static str> {
    match check_source(&mut Toy::new(flaw)).await {
        Ok(_) => Vec::new(),
        Err(failures) => failures.cases(),
    }
}

#[tokio::test]
async fn a_right_source_passes_every_case() {
    let report = check_source(&mut Toy::new(Flaw::Nothing)).await.unwrap();
    assert_eq!(report.passed, ALL);
    assert!(report.skipped.is_empty());
}

#[tokio::test]
async fn a_broken_source_fails_the_case_that_looks_for_it() {
    for (flaw, cases) in [
        (Flaw::EndsOnlyAfterARecord, &["end"][..]),
        (Flaw::ForgetsPositionsAtOnce, &["restarts", "roll-back"]),
        (Flaw::LosesOnDisconnect, &["disconnect"]),
        (Flaw::ExceedsItsShare, &["share"]),
        (Flaw::ReadsEverything, &["back-pressure"]),
        (Flaw::AcceptsAnyPosition, &["unknown-position"]),
        (Flaw::CommitsTooMuch, &["roll-back", "committed"]),
        (Flaw::OpensOnce, &["roll-back"]),
    ] {
        assert_eq!(failing(flaw).await, cases, "{flaw:?}");
    }
}

#[tokio::test]
async fn what_is_wrong_everywhere_fails_every_case_that_comes_to_it() {
    // An epoch's end drops calls as well, if they happen to be under way.
    for flaw in [Flaw::LosesOnCancel, Flaw::DoublesOnCancel] {
        let failing = failing(flaw).await;
        assert!(failing.contains(&"cancel"), "{flaw:?}: {failing:?}");
    }
    let resumed = [
        "end",
        "resume",
        "restarts",
        "roll-back",
        "share",
        "committed",
    ];
    assert_eq!(failing(Flaw::DoublesOnResume).await, resumed);
    assert_eq!(failing(Flaw::SwapsRecords).await, ALL);
}

#[tokio::test]
async fn a_failure_names_case_seed_and_what_differed() {
    let failures = check_source(&mut Toy::new(Flaw::CommitsTooMuch)).await;
    let text = failures.unwrap_err().to_string();
    let expected = r#"committed: seed 0: it ended without 2 of 9 records: ["r6", "r7"]"#;
    assert!(text.trim().ends_with(expected), "{text}");
}
