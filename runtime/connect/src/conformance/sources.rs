//! The cases of a source.

use super::report::{Failures, Report, Tally};
use super::source_fixture::SourceFixture;
use super::{source_basics, source_resume, source_rhythm};

/// Runs every case against a source. Needs a tokio runtime with I/O and time.
///
/// | case | what must hold |
/// |---|---|
/// | `once` | every record comes once, and in order in its partition, with 1 and 3 lanes |
/// | `end` | a finite source ends, not before all was given; also with nothing to give |
/// | `resume` | at the positions after any chunk exactly the rest comes, with other lanes too |
/// | `restarts` | the same, stopped and started again and again in the middle |
/// | `roll-back` | the same, opened again and again by the process that runs |
/// | `cancel` | a `next` that is polled a few times and dropped loses and doubles nothing |
/// | `disconnect` | a connection that breaks and comes back loses and doubles nothing |
/// | `share` | an epoch has no more than its share, and the next goes on behind it |
/// | `back-pressure` | of what nobody asked for only a bounded part is taken |
/// | `unknown-position` | a position in another form is refused with `Invalid` |
/// | `committed` | what is committed is not needed, and what is not is still there |
///
/// # Errors
/// The cases that failed.
pub async fn check_source(fixture: &mut dyn SourceFixture) -> Result<Report, Failures> {
    let mut tally = Tally::default();
    tally.run("once", source_basics::once(fixture)).await;
    tally.run("end", source_basics::end(fixture)).await;
    tally.run("resume", source_resume::resume(fixture)).await;
    tally
        .run("restarts", source_resume::restarts(fixture))
        .await;
    tally
        .run("roll-back", source_resume::roll_back(fixture))
        .await;
    tally.run("cancel", source_rhythm::cancel(fixture)).await;
    let disconnect = source_rhythm::disconnect(fixture);
    tally.run("disconnect", disconnect).await;
    tally.run("share", source_rhythm::share(fixture)).await;
    let back_pressure = source_rhythm::back_pressure(fixture);
    tally.run("back-pressure", back_pressure).await;
    let unknown = source_resume::unknown_position(fixture);
    tally.run("unknown-position", unknown).await;
    tally
        .run("committed", source_resume::committed(fixture))
        .await;
    tally.finish()
}
