//! Output that is not this run's, or is ahead of its record.

use azud_model::{ErrorKind, Result};

use super::report::{Outcome, Ran, said};
use super::sink_fixture::SinkFixture;
use super::sink_run::{Kept, Run};

pub(super) async fn other_run(fixture: &mut dyn SinkFixture) -> Outcome<Ran> {
    if !fixture.promises().refuses {
        return Ok(Ran::Skipped("it does not know whose output is there"));
    }
    let mut run = Run::start(fixture, 2).await?;
    run.epoch(&[1, 2]).await?;
    run.epoch(&[2, 1]).await?;
    run.restart(2).await?;
    refused(&mut run, "run-b", None).await?;
    reset(&mut run, "run-b", None).await?;
    run.see("another run's output was put aside").await?;
    run.epoch(&[2, 3]).await?;
    run.restart(1).await?;
    run.see_all("another run's output was put aside, and a start after it")
        .await?;
    Ok(Ran::Yes)
}

pub(super) async fn older_state(fixture: &mut dyn SinkFixture) -> Outcome<Ran> {
    let promises = fixture.promises();
    if !promises.refuses {
        return Ok(Ran::Skipped("it does not know which epochs are there"));
    }
    // Nothing recorded at all is an older state too.
    for kept in [0, 1, 2] {
        let mut run = Run::start(fixture, 2).await?;
        let mut old = None;
        for epoch in 0..4 {
            if epoch == kept {
                old = run.last();
            }
            run.epoch(&[1, 2]).await?;
        }
        run.restart(2).await?;
        let outcome = older(&mut run, old).await;
        outcome.map_err(|what| format!("4 epochs, {kept} of them recorded: {what}"))?;
    }
    Ok(Ran::Yes)
}

async fn older(run: &mut Run<'_>, old: Option<Kept>) -> Outcome {
    let id = run.id.clone();
    refused(run, &id, old.clone()).await?;
    reset(run, &id, old).await?;
    // A table that was replaced meanwhile does not come back.
    if !run.promises.replaces {
        run.see("the later output was put aside").await?;
    }
    run.epoch(&[3, 1]).await
}

/// Comes back with another record: refused, and nothing is touched.
async fn refused(run: &mut Run<'_>, id: &str, last: Option<Kept>) -> Outcome {
    let before = visible(run).await?;
    run.crash();
    let (own, own_last) = (run.id.clone(), run.last());
    run.set(id, last);
    let recovered = run.recover(2, false).await?;
    run.set(&own, own_last);
    check(recovered)?;
    run.abort().await?;
    run.crash();
    let after = visible(run).await?;
    match before == after {
        true => Ok(()),
        false => Err(format!(
            "it refused what is there, and changed it: {before:?} became {after:?}"
        )),
    }
}

/// Comes back with another record, and leave to put aside what is there.
async fn reset(run: &mut Run<'_>, id: &str, last: Option<Kept>) -> Outcome {
    run.crash();
    run.forget(id, last);
    let recovered = run.recover(2, true).await?;
    said("recover with allow_reset", recovered)?;
    run.go_on(2).await
}

async fn visible(run: &mut Run<'_>) -> Outcome<Option<Vec<i64>>> {
    let mut rows = said("visible", run.fixture.visible().await)?;
    if let Some(rows) = &mut rows {
        rows.sort_unstable();
    }
    Ok(rows)
}

fn check(recovered: Result<()>) -> Outcome {
    match recovered {
        Err(error) if error.kind() == ErrorKind::Invalid => Ok(()),
        Err(error) => Err(format!("{error} ({:?}), not `Invalid`", error.kind())),
        Ok(()) => Err("it was not refused".to_owned()),
    }
}
