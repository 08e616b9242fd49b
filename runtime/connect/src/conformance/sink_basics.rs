//! Epochs in one process.

use super::report::{Outcome, Ran, said};
use super::sink_fixture::{SinkCall, SinkFixture};
use super::sink_run::Run;

pub(super) async fn epochs(fixture: &mut dyn SinkFixture) -> Outcome<Ran> {
    for lanes in [1, 3] {
        let mut run = Run::start(fixture, lanes).await?;
        for counts in [[3, 2, 1], [1, 5, 2], [4, 1, 1], [2, 2, 2]] {
            run.epoch(counts.get(..lanes).unwrap_or_default()).await?;
        }
    }
    Ok(Ran::Yes)
}

pub(super) async fn hidden(fixture: &mut dyn SinkFixture) -> Outcome<Ran> {
    if !fixture.promises().hides {
        return Ok(Ran::Skipped("what is written is visible at once"));
    }
    let mut run = Run::start(fixture, 2).await?;
    for number in 0..3 {
        let at = |what: &str| format!("epoch {number} {what}");
        run.fill(&[2, 3]).await?;
        run.see(&at("was written")).await?;
        let kept = run.prepare().await?;
        run.see(&at("was prepared")).await?;
        run.record(kept);
        run.commit().await?;
        run.see(&at("was committed")).await?;
    }
    Ok(Ran::Yes)
}

pub(super) async fn empty(fixture: &mut dyn SinkFixture) -> Outcome<Ran> {
    let mut run = Run::start(fixture, 2).await?;
    for counts in [[0, 0], [0, 2], [0, 0], [3, 0], [0, 0]] {
        run.epoch(&counts).await?;
    }
    Ok(Ran::Yes)
}

pub(super) async fn commit_twice(fixture: &mut dyn SinkFixture) -> Outcome<Ran> {
    if !fixture.promises().commits_once {
        return Ok(Ran::Skipped(
            "a commit that is called again shows its rows again",
        ));
    }
    let mut run = Run::start(fixture, 2).await?;
    for number in 0..3 {
        run.epoch(&[2, 1]).await?;
        run.commit().await?;
        run.see(&format!("epoch {number} was committed twice"))
            .await?;
    }
    Ok(Ran::Yes)
}

pub(super) async fn unavailable(fixture: &mut dyn SinkFixture) -> Outcome<Ran> {
    let calls = [SinkCall::Write, SinkCall::Prepare, SinkCall::Commit];
    let mut failed = false;
    for call in calls {
        let mut run = Run::start(fixture, 2).await?;
        run.epoch(&[1, 1]).await?;
        if !said("fail_next", run.fixture.fail_next(call).await)? {
            continue;
        }
        failed = true;
        let epoch = run.epoch(&[2, 3]).await;
        epoch.map_err(|what| format!("{call:?} failed once: {what}"))?;
        run.epoch(&[1, 1]).await?;
    }
    match failed {
        true => Ok(Ran::Yes),
        false => Ok(Ran::Skipped("its system cannot be made to fail")),
    }
}
