//! Every record once, and an end.

use super::drive::Drive;
use super::ledger::Ledger;
use super::report::{Outcome, Ran, said};
use super::source_fixture::SourceFixture;

/// A new system with some records, given in as many pieces.
pub(super) async fn filled(
    fixture: &mut dyn SourceFixture,
    pieces: &[usize],
    finite: bool,
) -> Outcome<Ledger> {
    said("reset", fixture.reset().await)?;
    let mut ledger = Ledger::default();
    for count in pieces {
        ledger.give(said("give", fixture.give(*count).await)?);
    }
    if finite {
        said("end", fixture.end().await)?;
    }
    Ok(ledger)
}

pub(super) async fn once(fixture: &mut dyn SourceFixture) -> Outcome<Ran> {
    let promises = fixture.promises();
    for finite in promises.kinds() {
        for lanes in [1, 3] {
            let round = async {
                let mut ledger = filled(fixture, &[20, 1, 9], finite).await?;
                let mut drive = Drive::open(fixture, lanes, finite, &[]).await?;
                if promises.grows && !finite {
                    drive.step(&mut ledger).await?;
                    ledger.give(said("give", fixture.give(10).await)?);
                }
                drive.read_rest(&mut ledger, finite).await
            };
            let outcome: Outcome = round.await;
            outcome.map_err(|what| format!("{lanes} lanes, finite {finite}: {what}"))?;
        }
    }
    Ok(Ran::Yes)
}

pub(super) async fn end(fixture: &mut dyn SourceFixture) -> Outcome<Ran> {
    if !fixture.promises().ends {
        return Ok(Ran::Skipped("it never ends"));
    }
    for pieces in [&[3][..], &[]] {
        let mut ledger = filled(fixture, pieces, true).await?;
        let mut drive = Drive::open(fixture, 2, true, &[]).await?;
        drive.read_rest(&mut ledger, true).await?;
        // It has ended at some positions, and there it has still ended.
        let positions = drive.positions()?;
        drop(drive);
        if fixture.promises().keeps && !positions.is_empty() {
            ledger.count_anew();
            let mut drive = Drive::open(fixture, 2, true, &positions).await?;
            drive.read_rest(&mut ledger, true).await?;
        }
    }
    Ok(Ran::Yes)
}
