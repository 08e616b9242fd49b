//! When a source is asked: half a call, an epoch's share, not at all.

use std::time::Duration;

use fastrand::Rng;

use super::drive::{Drive, Got};
use super::report::{Outcome, Ran, said, seeded};
use super::source_basics::filled;
use super::source_fixture::SourceFixture;

pub(super) async fn cancel(fixture: &mut dyn SourceFixture) -> Outcome<Ran> {
    let promises = fixture.promises();
    for finite in promises.kinds() {
        for seed in 0..promises.seeds {
            seeded(seed, cancel_round(fixture, finite, seed).await)?;
        }
    }
    Ok(Ran::Yes)
}

async fn cancel_round(fixture: &mut dyn SourceFixture, finite: bool, seed: u64) -> Outcome {
    const TRIES: usize = 200;
    let mut rng = Rng::with_seed(seed);
    let mut ledger = filled(fixture, &[7, 20, 3], finite).await?;
    let mut drive = Drive::open(fixture, rng.usize(1..3), finite, &[]).await?;
    let grows = fixture.promises().grows && !finite;
    for tried in 0..TRIES {
        if ledger.is_complete() {
            break;
        }
        if grows && tried % 40 == 20 {
            ledger.give(said("give", fixture.give(5).await)?);
        }
        match drive.poll(rng.usize(1..4)).await? {
            Got::Records(records) => ledger.take(&records)?,
            Got::Full => drive.start_epoch()?,
            Got::Ended => break,
            // What it waits for may come meanwhile.
            Got::Nothing if rng.u8(..4) == 0 => {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Got::Nothing => {}
        }
    }
    drive.read_rest(&mut ledger, finite).await
}

pub(super) async fn disconnect(fixture: &mut dyn SourceFixture) -> Outcome<Ran> {
    let promises = fixture.promises();
    if !(promises.endless && promises.grows) {
        return Ok(Ran::Skipped("nothing comes while it is open"));
    }
    for all in [true, false] {
        if !all && !promises.keeps {
            continue;
        }
        let mut ledger = filled(fixture, &[10, 10], false).await?;
        let mut drive = Drive::open(fixture, 2, false, &[]).await?;
        for round in 0..3 {
            drive.step(&mut ledger).await?;
            // What is on its way may be lost with the connection.
            while all && !ledger.is_complete() {
                drive.step(&mut ledger).await?;
            }
            if !said("disconnect", fixture.disconnect().await)? {
                return Ok(Ran::Skipped("it has no connection"));
            }
            ledger.give(said("give", fixture.give(5 + round).await)?);
        }
        drive.read_rest(&mut ledger, false).await?;
    }
    Ok(Ran::Yes)
}

pub(super) async fn share(fixture: &mut dyn SourceFixture) -> Outcome<Ran> {
    let promises = fixture.promises();
    let Some(share) = promises.share else {
        return Ok(Ran::Skipped("an epoch has no share"));
    };
    for finite in promises.kinds() {
        for lanes in [1, 3] {
            let mut ledger = filled(fixture, &[3 * share, share, 1], finite).await?;
            let mut drive = Drive::open(fixture, lanes, finite, &[]).await?;
            let mut before = 0;
            loop {
                match drive.next(promises.quiet).await? {
                    Got::Records(records) => ledger.take(&records)?,
                    Got::Full | Got::Nothing => {
                        before = ledger.count();
                        if ledger.is_complete() {
                            break;
                        }
                        // The next epoch is another process.
                        let positions = drive.positions()?;
                        if lanes == 3 && promises.keeps && before > 0 {
                            drop(drive);
                            ledger.count_anew();
                            drive = Drive::open(fixture, lanes, finite, &positions).await?;
                        } else {
                            drive.start_epoch()?;
                        }
                    }
                    Got::Ended => break,
                }
                let epoch = ledger.count() - before;
                if epoch > share {
                    return Err(format!(
                        "{lanes} lanes, finite {finite}: an epoch has {epoch} records, and its \
                         share is {share}"
                    ));
                }
            }
            drive.read_rest(&mut ledger, finite).await?;
        }
    }
    Ok(Ran::Yes)
}

pub(super) async fn back_pressure(fixture: &mut dyn SourceFixture) -> Outcome<Ran> {
    let promises = fixture.promises();
    let Some(flood) = promises.flood else {
        return Ok(Ran::Skipped("it is not known what was taken"));
    };
    let finite = !promises.endless;
    let mut ledger = filled(fixture, &[flood.records], finite).await?;
    let mut drive = Drive::open(fixture, 1, finite, &[]).await?;
    drive.step(&mut ledger).await?;
    tokio::time::sleep(promises.quiet * 10).await;
    let Some(taken) = fixture.taken() else {
        return Err("the fixture promises a flood, and cannot tell what was taken".to_owned());
    };
    let ahead = taken.saturating_sub(ledger.count());
    if ahead > flood.ahead {
        return Err(format!(
            "{ahead} of {} records were taken that nobody asked for: at most {} may be",
            flood.records, flood.ahead
        ));
    }
    // What is committed makes room for more.
    while !ledger.is_complete() {
        drive.step(&mut ledger).await?;
        let positions = drive.positions()?;
        said("committed", drive.source().committed(&positions).await)?;
    }
    drive.read_rest(&mut ledger, finite).await?;
    Ok(Ran::Yes)
}
