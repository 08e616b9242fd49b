//! Going on at positions.

use azud_model::{ErrorKind, Position};
use fastrand::Rng;

use super::drive::{Drive, Got, make};
use super::ledger::Ledger;
use super::report::{Outcome, Ran, said, seeded};
use super::source_basics::filled;
use super::source_fixture::SourceFixture;

const LANES: [usize; 3] = [1, 2, 3];

/// How many of the places where it could go on are tried in a round.
const TRIED: usize = 5;

/// A place to go on at: the positions, and what had come by then.
type Cut = (Vec<Position>, Ledger);

fn pieces(rng: &mut Rng) -> Vec<usize> {
    (0..rng.usize(1..5)).map(|_| rng.usize(1..20)).collect()
}

fn lanes(rng: &mut Rng) -> usize {
    rng.choice(LANES).unwrap_or(1)
}

/// Reads everything; answers every place on the way.
async fn cuts(drive: &mut Drive, ledger: &mut Ledger) -> Outcome<Vec<Cut>> {
    let mut cuts = Vec::new();
    while !ledger.is_complete() {
        drive.step(ledger).await?;
        cuts.push((drive.positions()?, ledger.clone()));
    }
    Ok(cuts)
}

pub(super) async fn resume(fixture: &mut dyn SourceFixture) -> Outcome<Ran> {
    let promises = fixture.promises();
    for finite in promises.kinds() {
        for seed in 0..promises.seeds {
            seeded(seed, resume_round(fixture, finite, seed).await)?;
        }
    }
    Ok(Ran::Yes)
}

async fn resume_round(fixture: &mut dyn SourceFixture, finite: bool, seed: u64) -> Outcome {
    let mut rng = Rng::with_seed(seed);
    let mut ledger = filled(fixture, &pieces(&mut rng), finite).await?;
    let mut drive = Drive::open(fixture, lanes(&mut rng), finite, &[]).await?;
    let mut cuts = cuts(&mut drive, &mut ledger).await?;
    drop(drive);
    rng.shuffle(&mut cuts);
    for (positions, mut ledger) in cuts.into_iter().take(TRIED) {
        let (lanes, had) = (lanes(&mut rng), ledger.count());
        ledger.count_anew();
        let again = async {
            let mut drive = Drive::open(fixture, lanes, finite, &positions).await?;
            drive.read_rest(&mut ledger, finite).await
        };
        let outcome: Outcome = again.await;
        outcome.map_err(|what| {
            format!("finite {finite}, after {had} records, with {lanes} lanes: {what}")
        })?;
    }
    Ok(())
}

pub(super) async fn restarts(fixture: &mut dyn SourceFixture) -> Outcome<Ran> {
    let promises = fixture.promises();
    if !promises.keeps {
        return Ok(Ran::Skipped("what was not read is lost in a crash"));
    }
    for finite in promises.kinds() {
        for seed in 0..promises.seeds {
            seeded(seed, restarts_round(fixture, finite, seed).await)?;
        }
    }
    Ok(Ran::Yes)
}

async fn restarts_round(fixture: &mut dyn SourceFixture, finite: bool, seed: u64) -> Outcome {
    const STARTS: usize = 8;
    let mut rng = Rng::with_seed(seed);
    let mut ledger = filled(fixture, &pieces(&mut rng), finite).await?;
    let mut positions = Vec::new();
    for start in 1..=STARTS {
        let mut drive = Drive::open(fixture, lanes(&mut rng), finite, &positions).await?;
        if start == STARTS {
            return drive.read_rest(&mut ledger, finite).await;
        }
        for _ in 0..rng.usize(0..3) {
            if !ledger.is_complete() {
                drive.step(&mut ledger).await?;
            }
        }
        // What is under way is dropped: nothing of it came.
        drive
            .poll(rng.usize(0..3))
            .await
            .and_then(|got| match got {
                Got::Records(records) => ledger.take(&records),
                _ => Ok(()),
            })?;
        positions = drive.positions()?;
        drop(drive);
        ledger.count_anew();
        if fixture.promises().grows && !finite {
            ledger.give(said("give", fixture.give(rng.usize(1..5)).await)?);
        }
    }
    Ok(())
}

pub(super) async fn roll_back(fixture: &mut dyn SourceFixture) -> Outcome<Ran> {
    let promises = fixture.promises();
    if !promises.keeps {
        return Ok(Ran::Skipped("what was not read is lost in a crash"));
    }
    for finite in promises.kinds() {
        for seed in 0..promises.seeds {
            seeded(seed, roll_back_round(fixture, finite, seed).await)?;
        }
    }
    Ok(Ran::Yes)
}

/// Epochs of a few chunks, some of which are not recorded: the same source opens again
/// where the last recorded one has ended.
async fn roll_back_round(fixture: &mut dyn SourceFixture, finite: bool, seed: u64) -> Outcome {
    let mut rng = Rng::with_seed(seed);
    let mut ledger = filled(fixture, &pieces(&mut rng), finite).await?;
    let mut drive = Drive::open(fixture, lanes(&mut rng), finite, &[]).await?;
    let mut recorded: Cut = (Vec::new(), ledger.clone());
    for _ in 0..8 {
        for _ in 0..rng.usize(0..3) {
            if !ledger.is_complete() {
                drive.step(&mut ledger).await?;
            }
        }
        if rng.bool() {
            recorded = (drive.positions()?, ledger.clone());
            said("committed", drive.source().committed(&recorded.0).await)?;
            drive.start_epoch()?;
            continue;
        }
        drive.open_again(&recorded.0).await?;
        ledger = recorded.1.clone();
        ledger.count_anew();
    }
    drive.read_rest(&mut ledger, finite).await
}

pub(super) async fn unknown_position(fixture: &mut dyn SourceFixture) -> Outcome<Ran> {
    let promises = fixture.promises();
    if !promises.refuses_unknown_positions {
        return Ok(Ran::Skipped("it does not look at positions"));
    }
    let finite = promises.ends;
    let mut ledger = filled(fixture, &[5], finite).await?;
    let mut drive = Drive::open(fixture, 1, finite, &[]).await?;
    drive.step(&mut ledger).await?;
    let mut positions = drive.positions()?;
    drop(drive);
    let Some(position) = positions.first_mut() else {
        return Err("there is no position after the first records".to_owned());
    };
    for next in ["", "no such place", "-1", "{\"v\":999}"] {
        position.next = next.to_owned();
        let resume = std::slice::from_ref(&*position);
        let source = make(fixture, 1, finite).await?;
        match source.open(resume).await {
            Err(error) if error.kind() == ErrorKind::Invalid => {}
            Err(error) => {
                let kind = error.kind();
                return Err(format!(
                    "position `{next}`: {error} ({kind:?}), not `Invalid`"
                ));
            }
            Ok(_) => return Err(format!("position `{next}` was accepted")),
        }
    }
    Ok(Ran::Yes)
}

pub(super) async fn committed(fixture: &mut dyn SourceFixture) -> Outcome<Ran> {
    let promises = fixture.promises();
    for finite in promises.kinds() {
        for seed in 0..promises.seeds {
            seeded(seed, committed_round(fixture, finite, seed).await)?;
        }
    }
    Ok(Ran::Yes)
}

/// Epochs of a few chunks are committed, the last one perhaps not; then it goes on where
/// the last recorded one has ended.
async fn committed_round(fixture: &mut dyn SourceFixture, finite: bool, seed: u64) -> Outcome {
    let mut rng = Rng::with_seed(seed);
    let mut ledger = filled(fixture, &pieces(&mut rng), finite).await?;
    let mut drive = Drive::open(fixture, lanes(&mut rng), finite, &[]).await?;
    let mut recorded: Option<Cut> = None;
    // Without that, all must have come before a crash.
    let stop = match fixture.promises().keeps {
        true => rng.usize(1..6),
        false => usize::MAX,
    };
    for epoch in 0.. {
        if ledger.is_complete() || epoch >= stop {
            break;
        }
        drive.step(&mut ledger).await?;
        let commits = recorded.is_none() || rng.bool();
        if commits {
            drive.acknowledge().await?;
            let positions = drive.positions()?;
            let committed = drive.source().committed(&positions).await;
            said("committed", committed)?;
            recorded = Some((positions, ledger.clone()));
        }
        drive.start_epoch()?;
    }
    drop(drive);
    let Some((positions, mut ledger)) = recorded else {
        return Ok(());
    };
    ledger.count_anew();
    let mut drive = Drive::open(fixture, lanes(&mut rng), finite, &positions).await?;
    // After a crash between the record and this call it is told again.
    said("committed", drive.source().committed(&positions).await)?;
    drive.read_rest(&mut ledger, finite).await
}
