use super::sink::{Flaw, Toy};
use crate::Delivery;
use crate::conformance::check_sink;

const ALL: [&str; 16] = [
    "epochs",
    "hidden",
    "empty",
    "commit-twice",
    "unavailable",
    "crash-before-record",
    "crash-before-commit",
    "crash-after-commit",
    "other-lanes",
    "abort",
    "abort-after-record",
    "roll-back",
    "cancel",
    "other-run",
    "older-state",
    "random",
];

async fn failing(flaw: Flaw) -> Vec<&'static str> {
    match check_sink(&mut Toy::new(flaw, Delivery::ExactlyOnce)).await {
        Ok(_) => Vec::new(),
        Err(failures) => failures.cases(),
    }
}

#[tokio::test]
async fn a_right_sink_passes_every_case() {
    let mut toy = Toy::new(Flaw::Nothing, Delivery::ExactlyOnce);
    let report = check_sink(&mut toy).await.unwrap();
    assert_eq!(report.passed, ALL);
    assert!(report.skipped.is_empty());
}

#[tokio::test]
async fn a_right_sink_behind_a_spool_passes_every_case_it_comes_to() {
    let mut toy = Toy::new(Flaw::Nothing, Delivery::Spooled);
    let report = check_sink(&mut toy).await.unwrap();
    let all = ALL.into_iter().filter(|case| *case != "cancel");
    assert_eq!(report.passed, all.collect::<Vec<_>>());
    assert_eq!(report.skipped, ["cancel"]);
}

#[tokio::test]
async fn a_broken_sink_fails_the_case_that_looks_for_it() {
    for (flaw, cases) in [
        // What was prepared stays until the next start, aborted or not.
        (Flaw::ShowsWhatIsPrepared, &["hidden", "abort"][..]),
        (Flaw::RepeatsForEmptyEpochs, &["empty"]),
        (Flaw::ShowsTwiceInAProcess, &["commit-twice"]),
        (Flaw::TakesRowsItRefused, &["unavailable"]),
        (Flaw::KeepsWhatWasNotRecorded, &["crash-before-record"]),
        (Flaw::ForgetsLanes, &["other-lanes"]),
        (
            Flaw::ShowsWhatWasAborted,
            &["abort", "abort-after-record", "roll-back"],
        ),
        (Flaw::AbortsWhatIsRecorded, &["abort-after-record"]),
        (Flaw::KeepsHalfAWrite, &["cancel"]),
        (Flaw::AcceptsOtherRuns, &["other-run"]),
        (Flaw::AcceptsOlderStates, &["older-state"]),
        (Flaw::RecoversOnce, &["roll-back"]),
    ] {
        let mut failing = failing(flaw).await;
        // A random round may come to it as well.
        failing.retain(|case| *case != "random");
        assert_eq!(failing, cases, "{flaw:?}");
    }
}

#[tokio::test]
async fn what_is_wrong_at_every_start_fails_every_case_that_starts_again() {
    let lost = [
        "crash-before-commit",
        "other-lanes",
        "abort-after-record",
        "roll-back",
        "random",
    ];
    assert_eq!(failing(Flaw::LosesWhatIsPrepared).await, lost);
    // In `abort-after-record` the next start is the first to commit.
    let again = ALL[5..]
        .iter()
        .filter(|case| **case != "abort-after-record");
    let again: Vec<_> = again.copied().collect();
    assert_eq!(failing(Flaw::ShowsTwiceAfterARestart).await, again);
    assert_eq!(failing(Flaw::MiscountsRows).await, ALL);
}

#[tokio::test]
async fn a_failure_names_case_seed_and_what_differed() {
    let mut toy = Toy::new(Flaw::LosesWhatIsPrepared, Delivery::ExactlyOnce);
    let text = check_sink(&mut toy).await.unwrap_err().to_string();
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    assert_eq!(
        lines[1],
        "crash-before-commit: 2 lanes, then 2: epoch 0 was recorded, and start 1 after it: \
         rows [0, 1, 2, 3] are missing"
    );
    assert!(lines.iter().any(|line| line.starts_with("random: seed ")));
}
