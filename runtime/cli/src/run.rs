//! `azud run`.

use std::io::{self, ErrorKind};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use azud_admin::{Admin, MakePlan};
use azud_engine::{Control, EpochReport, RunOptions, Stop};

use crate::args::RunArguments;
use crate::failure::Failure;
use crate::load::Loader;
use crate::output::written;
use crate::progress::Progress;
use crate::totals::Totals;
use crate::watch::Watch;
use crate::{footprint, log, signals};

pub(crate) fn run(arguments: &RunArguments) -> Result<(), Failure> {
    let loader = Loader::new(&arguments.file)?;
    let (manifest, plan) = loader.read()?;
    log::of_pipeline(plan.name());
    let stop = Stop::default();
    signals::listen(stop.clone())
        .map_err(|error| Failure::Input(format!("cannot listen for signals: {error}")))?;
    let control = Control::of(plan.name());
    let _admin = serve(arguments, &loader, &control)?;
    let watches = || Watch::start(&arguments.file, loader, &manifest, control.clone());
    let _watch = arguments.watch.then(watches).transpose()?;
    let records = Arc::new(AtomicU64::new(0));
    let quiet = arguments.json || plan.prints();
    let progress = Progress::start(plan.name(), records.clone(), plan.finite() && !quiet);
    let json = arguments.json;
    let nobody_reads = stop.clone();
    let totals = Arc::new(Mutex::new(Totals::default()));
    let counted = totals.clone();
    let unwritten = Arc::new(Mutex::new(None));
    let unwritten_there = unwritten.clone();
    let name = plan.name().to_owned();
    if !plan.finite() {
        tracing::info!("running {name}: Ctrl-C drains");
    }
    footprint::release_code();
    let outcome = plan.run(RunOptions {
        control,
        stop,
        allow_reset: arguments.allow_reset.clone(),
        progress: records,
        on_epoch: Box::new(move |report| {
            if let Ok(mut counted) = counted.lock() {
                counted.add(report);
            }
            if json && let Err(error) = print_report(report) {
                // The first one says why: the drain has epochs, too.
                if let Ok(mut unwritten) = unwritten_there.lock() {
                    unwritten.get_or_insert(error);
                }
                nobody_reads.request();
            }
        }),
    });
    drop(progress);
    if let (Ok(_), Ok(totals)) = (&outcome, totals.lock()) {
        tracing::info!("{name} has ended: {totals}");
    }
    outcome.map_err(Failure::Pipeline)?;
    let unwritten = unwritten.lock().ok().and_then(|mut error| error.take());
    match unwritten.filter(|error| error.kind() != ErrorKind::BrokenPipe) {
        Some(error) => Err(Failure::Output(error)),
        None => Ok(()),
    }
}

/// Serves the admin endpoint, where that is asked for.
fn serve(
    arguments: &RunArguments,
    loader: &Loader,
    control: &Control,
) -> Result<Option<Admin>, Failure> {
    let Some(address) = arguments.listen else {
        return Ok(None);
    };
    let token = std::env::var(azud_admin::TOKEN).ok();
    let admin = Admin::start(
        address,
        token.as_deref(),
        control.clone(),
        make_plan(loader.clone(), control.clone()),
    );
    let admin = admin.map_err(|error| Failure::Input(error.to_string()))?;
    tracing::info!("the admin endpoint is http://{}", admin.address());
    Ok(Some(admin))
}

/// Makes plans of manifests that are sent, as if they were where the one that runs is.
fn make_plan(loader: Loader, control: Control) -> Arc<MakePlan> {
    Arc::new(move |name, text| {
        let checked = loader.changed(name, text, &control);
        // Drawn as at a terminal.
        checked
            .map(|(_, plan)| plan)
            .map_err(|failure| failure.message())
    })
}

/// On stdout, where a program reads; the log is on stderr.
fn print_report(report: &EpochReport) -> io::Result<()> {
    let mut line = serde_json::to_vec(report)?;
    line.push(b'\n');
    written(&line)
}
