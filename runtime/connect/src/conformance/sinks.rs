//! The cases of a sink.

use super::report::{Failures, Report, Tally};
use super::sink_fixture::SinkFixture;
use super::{sink_basics, sink_crashes, sink_random, sink_refusals};

/// Runs every case against a sink. Needs a tokio runtime with I/O and time.
///
/// | case | what must hold |
/// |---|---|
/// | `epochs` | after each commit its rows are visible, and those before it |
/// | `hidden` | nothing that was written or prepared is visible before its commit |
/// | `empty` | an epoch without rows, in some lanes or all, is an epoch like others |
/// | `commit-twice` | a commit that is called again shows nothing twice |
/// | `unavailable` | a call that fails and is made again counts once |
/// | `crash-before-record` | what was prepared and not recorded is rolled back |
/// | `crash-before-commit` | what was recorded is made visible by the next start |
/// | `crash-after-commit` | the next start commits it again, and shows nothing twice |
/// | `other-lanes` | the same with fewer or more lanes than before |
/// | `abort` | what was aborted is never visible, and the next start goes on |
/// | `abort-after-record` | an epoch whose record was in doubt at an `abort` is not lost |
/// | `roll-back` | the same process goes back to what is recorded, and computes it again |
/// | `cancel` | a `write` that is dropped half-way and aborted shows nothing |
/// | `other-run` | another run's output is refused, untouched; put aside where allowed |
/// | `older-state` | output of a later epoch than the recorded one likewise |
/// | `random` | all of it in any order |
///
/// # Errors
/// The cases that failed.
pub async fn check_sink(fixture: &mut dyn SinkFixture) -> Result<Report, Failures> {
    let mut tally = Tally::default();
    tally.run("epochs", sink_basics::epochs(fixture)).await;
    tally.run("hidden", sink_basics::hidden(fixture)).await;
    tally.run("empty", sink_basics::empty(fixture)).await;
    let twice = sink_basics::commit_twice(fixture);
    tally.run("commit-twice", twice).await;
    let unavailable = sink_basics::unavailable(fixture);
    tally.run("unavailable", unavailable).await;
    let before_record = sink_crashes::before_record(fixture);
    tally.run("crash-before-record", before_record).await;
    let before_commit = sink_crashes::before_commit(fixture);
    tally.run("crash-before-commit", before_commit).await;
    let after_commit = sink_crashes::after_commit(fixture);
    tally.run("crash-after-commit", after_commit).await;
    let other_lanes = sink_crashes::other_lanes(fixture);
    tally.run("other-lanes", other_lanes).await;
    tally.run("abort", sink_crashes::abort(fixture)).await;
    let after_record = sink_crashes::abort_after_record(fixture);
    tally.run("abort-after-record", after_record).await;
    tally
        .run("roll-back", sink_crashes::roll_back(fixture))
        .await;
    tally.run("cancel", sink_crashes::cancel(fixture)).await;
    let other_run = sink_refusals::other_run(fixture);
    tally.run("other-run", other_run).await;
    let older_state = sink_refusals::older_state(fixture);
    tally.run("older-state", older_state).await;
    tally.run("random", sink_random::random(fixture)).await;
    tally.finish()
}
