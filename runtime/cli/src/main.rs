//! The command `azud`.
//!
//! Exit codes: 0 done, 1 the pipeline failed while it ran, a test failed, or what is to be
//! printed cannot be written, 2 the input is wrong (a manifest, flag, plugin or path: what
//! `azud check` finds), 130 stopped at once by a second signal.

mod apply;
mod args;
mod build;
mod check;
mod dead_letters;
mod failure;
mod footprint;
mod inspect;
mod load;
mod log;
mod new;
mod output;
mod plan;
mod progress;
mod reload;
mod run;
mod sandbox;
mod schema;
mod signals;
mod state;
mod status;
mod tap;
mod test;
mod totals;
mod tree;
mod waits;
mod watch;
mod why;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};
use log::LogFormat;

fn main() -> ExitCode {
    // A wrong flag exits with 2, as every wrong input does.
    let arguments = Arguments::parse();
    let is_service = matches!(arguments.command, Command::Run(_));
    let code = run_command(arguments, is_service);
    log::flush(is_service);
    code
}

fn run_command(arguments: Arguments, is_service: bool) -> ExitCode {
    let format = match log::format(arguments.log_format) {
        Ok(format) => format,
        Err(failure) => return failure.report(),
    };
    log::start(arguments.verbose, format);
    let outcome = match arguments.command {
        Command::Run(run) => run::run(&run),
        Command::Reload(arguments) => reload::reload(&arguments),
        Command::Apply(arguments) => apply::apply(&arguments),
        Command::Status(arguments) => status::status(&arguments),
        Command::Tap(arguments) => tap::tap(&arguments),
        Command::Check(check) => check::check(&check),
        Command::Plan(plan) => plan::plan(&plan),
        Command::State(command) => state::state(&command),
        Command::Why(arguments) => why::why(&arguments),
        Command::DeadLetters(command) => dead_letters::dead_letters(&command),
        Command::Test(test) => test::test(&test),
        Command::New(new) => new::new(&new),
        Command::Build(build) => build::build(&build),
        Command::Inspect(file) => inspect::inspect(&file),
        Command::Schema => schema::schema(),
        Command::CompileComponent(limits) => sandbox::compile(&limits),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads the log of a pipeline in JSON finds there why it ended, too.
        Err(failure) if is_service && format == LogFormat::Json => failure.log(),
        Err(failure) => failure.report(),
    }
}
