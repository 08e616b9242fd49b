//! A process that dies at one step of an epoch, and another that comes back.

use super::report::{Outcome, Ran};
use super::sink_fixture::SinkFixture;
use super::sink_run::Run;

const LOSES: Ran = Ran::Skipped("what it was given is gone with the process");

pub(super) async fn before_record(fixture: &mut dyn SinkFixture) -> Outcome<Ran> {
    // At the first epoch, and behind others.
    for epochs in [0, 2] {
        let mut run = Run::start(fixture, 2).await?;
        if !run.survives()? {
            return Ok(LOSES);
        }
        for _ in 0..epochs {
            run.epoch(&[1, 2]).await?;
        }
        for is_prepared in [false, true] {
            run.fill(&[3, 4]).await?;
            if is_prepared {
                run.prepare().await?;
            }
            run.restart(2).await?;
            let when = format!("after {epochs} epochs, one that was not recorded, and a crash");
            run.see_all(&when).await?;
        }
        // Whose lanes write over nothing of the second one.
        run.restart(1).await?;
        run.epoch(&[2]).await?;
    }
    Ok(Ran::Yes)
}

pub(super) async fn before_commit(fixture: &mut dyn SinkFixture) -> Outcome<Ran> {
    crashes(fixture, &[2, 2], false).await
}

pub(super) async fn after_commit(fixture: &mut dyn SinkFixture) -> Outcome<Ran> {
    crashes(fixture, &[2, 2], true).await
}

pub(super) async fn other_lanes(fixture: &mut dyn SinkFixture) -> Outcome<Ran> {
    for lanes in [[3, 1], [1, 3]] {
        for is_committed in [false, true] {
            if let Ran::Skipped(why) = crashes(fixture, &lanes, is_committed).await? {
                return Ok(Ran::Skipped(why));
            }
        }
    }
    Ok(Ran::Yes)
}

/// A process of `from` lanes dies around a commit, one of `to` comes back.
async fn crashes(
    fixture: &mut dyn SinkFixture,
    [from, to]: &[usize; 2],
    is_committed: bool,
) -> Outcome<Ran> {
    for epochs in [0, 2] {
        let mut run = Run::start(fixture, *from).await?;
        if !run.survives()? {
            return Ok(LOSES);
        }
        let counts = [3, 1, 2];
        let before = counts.get(..*from).unwrap_or_default();
        for _ in 0..epochs {
            run.epoch(before).await?;
        }
        run.fill(before).await?;
        let kept = run.prepare().await?;
        run.record(kept);
        match is_committed {
            true => run.commit().await?,
            false => run.pass_on_half().await?,
        }
        let when = match is_committed {
            true => "committed",
            false => "recorded",
        };
        // A process that comes back may die at once, too.
        for starts in 1..=2 {
            run.restart(*to).await?;
            let lanes = format!("{from} lanes, then {to}");
            let when = format!("{lanes}: epoch {epochs} was {when}, and start {starts} after it");
            run.see_all(&when).await?;
        }
        run.epoch(counts.get(..*to).unwrap_or_default()).await?;
        run.restart(*from).await?;
        run.see_all("after another epoch, and another start")
            .await?;
    }
    Ok(Ran::Yes)
}

pub(super) async fn abort(fixture: &mut dyn SinkFixture) -> Outcome<Ran> {
    for epochs in [0, 2] {
        for is_prepared in [false, true] {
            let mut run = Run::start(fixture, 2).await?;
            let exact = run.survives()?;
            for _ in 0..epochs {
                run.epoch(&[1, 2]).await?;
            }
            run.fill(&[3, 4]).await?;
            if is_prepared {
                run.prepare().await?;
            }
            run.abort().await?;
            if run.promises.hides {
                run.see(&format!("epoch {epochs} was aborted")).await?;
            }
            if exact {
                run.restart(2).await?;
                run.see_all(&format!("epoch {epochs} was aborted, and a start after it"))
                    .await?;
                run.epoch(&[2, 1]).await?;
            }
        }
    }
    Ok(Ran::Yes)
}

pub(super) async fn abort_after_record(fixture: &mut dyn SinkFixture) -> Outcome<Ran> {
    if !fixture.promises().aborts_unrecorded {
        return Ok(Ran::Skipped("what is aborted is gone"));
    }
    for epochs in [0, 2] {
        let mut run = Run::start(fixture, 2).await?;
        for _ in 0..epochs {
            run.epoch(&[1, 2]).await?;
        }
        run.fill(&[3, 4]).await?;
        let kept = run.prepare().await?;
        // Nobody knows of the record yet.
        run.abort().await?;
        run.record(kept);
        run.restart(2).await?;
        let when = format!("epoch {epochs} was recorded and aborted, and a start after it");
        run.see_all(&when).await?;
        run.epoch(&[2, 1]).await?;
    }
    Ok(Ran::Yes)
}

pub(super) async fn roll_back(fixture: &mut dyn SinkFixture) -> Outcome<Ran> {
    for epochs in [0, 2] {
        let mut run = Run::start(fixture, 2).await?;
        if !run.survives()? {
            return Ok(LOSES);
        }
        for _ in 0..epochs {
            run.epoch(&[1, 2]).await?;
        }
        for is_prepared in [false, true, false] {
            run.fill(&[3, 4]).await?;
            if is_prepared {
                run.prepare().await?;
            }
            run.abort().await?;
            run.go_back().await?;
            let when = format!("after {epochs} epochs, and one that was rolled back");
            run.see_all(&when).await?;
        }
        // What a lane had prepared is not what it prepares without a row.
        run.epoch(&[0, 1]).await?;
        run.fill(&[2, 2]).await?;
        run.prepare().await?;
        run.abort().await?;
        run.go_back().await?;
        run.see_all("a lane without rows, and an epoch that was rolled back")
            .await?;
        run.epoch(&[2, 1]).await?;
        // Recorded: there is nothing to roll back, and it is committed on the way.
        run.fill(&[1, 1]).await?;
        let kept = run.prepare().await?;
        run.record(kept);
        run.pass_on_half().await?;
        run.go_back().await?;
        run.see_all("an epoch was recorded, and the process went back to it")
            .await?;
        run.epoch(&[2, 2]).await?;
    }
    Ok(Ran::Yes)
}

pub(super) async fn cancel(fixture: &mut dyn SinkFixture) -> Outcome<Ran> {
    for polls in 0..4 {
        let mut run = Run::start(fixture, 2).await?;
        if !run.survives()? {
            return Ok(LOSES);
        }
        if run.is_spooled()? {
            return Ok(Ran::Skipped("what is written to it was recorded before"));
        }
        run.epoch(&[1, 2]).await?;
        run.fill(&[1, 1]).await?;
        run.write_half(0, polls).await?;
        run.abort().await?;
        run.see(&format!("a write was dropped after {polls} polls"))
            .await?;
        run.restart(2).await?;
        run.see_all("a write was dropped, and a start after it")
            .await?;
        run.epoch(&[2, 1]).await?;
    }
    Ok(Ran::Yes)
}
