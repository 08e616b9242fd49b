//! `azud run`.

use std::io::Write;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use azud_engine::{EpochReport, RunOptions, Stop};

use crate::args::RunArguments;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::totals::Totals;
use crate::{footprint, load, signals};

pub(crate) fn run(arguments: &RunArguments) -> Result<(), Failure> {
    let plan = load::plan(&arguments.file)?;
    let stop = Stop::default();
    signals::listen(stop.clone())
        .map_err(|error| Failure::Input(format!("cannot listen for signals: {error}")))?;
    let records = Arc::new(AtomicU64::new(0));
    let quiet = arguments.json || plan.prints();
    let progress = Progress::start(plan.name(), records.clone(), plan.finite() && !quiet);
    let json = arguments.json;
    let nobody_reads = stop.clone();
    let totals = Arc::new(Mutex::new(Totals::default()));
    let counted = totals.clone();
    let name = plan.name().to_owned();
    if !plan.finite() {
        tracing::info!("running {name}: Ctrl-C drains");
    }
    footprint::release_code();
    let outcome = plan.run(RunOptions {
        stop,
        allow_reset: arguments.allow_reset.clone(),
        progress: records,
        on_epoch: Box::new(move |report| {
            if let Ok(mut counted) = counted.lock() {
                counted.add(report);
            }
            if json && print_report(report).is_err() {
                nobody_reads.request();
            }
        }),
    });
    drop(progress);
    if let (Ok(_), Ok(totals)) = (&outcome, totals.lock()) {
        tracing::info!("{name} has ended: {totals}");
    }
    outcome.map(|_| ()).map_err(Failure::Pipeline)
}

/// On stdout, where a program reads; the log is on stderr.
fn print_report(report: &EpochReport) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(report)?;
    line.push(b'\n');
    std::io::stdout().lock().write_all(&line)
}
