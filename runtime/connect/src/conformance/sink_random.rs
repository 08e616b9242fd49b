//! Epochs, crashes at every step and lanes, in any order.

use fastrand::Rng;

use super::report::{Outcome, Ran, seeded};
use super::sink_fixture::SinkFixture;
use super::sink_run::Run;

/// Epochs of a round.
const EPOCHS: usize = 12;

pub(super) async fn random(fixture: &mut dyn SinkFixture) -> Outcome<Ran> {
    for seed in 0..fixture.promises().seeds {
        let outcome = round(fixture, seed).await;
        if let Ran::Skipped(why) = seeded(seed, outcome)? {
            return Ok(Ran::Skipped(why));
        }
    }
    Ok(Ran::Yes)
}

async fn round(fixture: &mut dyn SinkFixture, seed: u64) -> Outcome<Ran> {
    let mut rng = Rng::with_seed(seed);
    let mut lanes = rng.usize(1..4);
    let mut run = Run::start(fixture, lanes).await?;
    if !run.survives()? {
        return Ok(Ran::Skipped("what it was given is gone with the process"));
    }
    for step in 0..EPOCHS {
        for _ in 0..rng.usize(0..3) {
            let counts: Vec<usize> = (0..lanes).map(|_| rng.usize(0..4)).collect();
            run.fill(&counts).await?;
        }
        let what = rng.u8(..6);
        let kept = match what {
            0 => None,
            _ => Some(run.prepare().await?),
        };
        let did = match (what, kept) {
            (1, Some(_)) => "prepared",
            (2, Some(_)) => {
                run.abort().await?;
                "aborted"
            }
            (3, Some(kept)) => {
                run.record(kept);
                run.pass_on_half().await?;
                "recorded"
            }
            (4, Some(kept)) => {
                run.record(kept);
                run.commit().await?;
                "committed"
            }
            (_, Some(kept)) => {
                run.record(kept);
                run.commit().await?;
                run.see(&format!("step {step}")).await?;
                continue;
            }
            (_, None) => "written",
        };
        lanes = rng.usize(1..4);
        run.restart(lanes).await?;
        run.see_all(&format!("step {step}: it was {did}, and a start after it"))
            .await?;
    }
    Ok(Ran::Yes)
}
