//! Commands and flags.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Runs streams through sandboxed WebAssembly plugins.
#[derive(Debug, Parser)]
#[command(name = "azud", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Tells more in the log: -v what plugins log for their authors, -vv everything.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs a pipeline until its sources end or it is interrupted.
    ///
    /// Plugins with a `source:` are built first, where they are out of date.
    /// The first Ctrl-C (or SIGTERM) drains: what was read is processed and
    /// committed. The second stops at once.
    Run(RunArguments),
    /// Says everything that is wrong with a pipeline, without running it.
    Check(CheckArguments),
    /// Runs the tests of manifests: the rows under `tests` instead of sources and sinks.
    ///
    /// Plugins with a `source:` are built first, where they are out of date.
    /// Nothing else is read, and nothing written.
    Test(TestArguments),
    /// Prints the JSON Schema of manifests, for editors.
    Schema,
}

#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    /// The manifest.
    pub(crate) file: PathBuf,
    /// Prints one line of JSON on stdout for every epoch: rows, rates, durations.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct CheckArguments {
    /// The manifest.
    pub(crate) file: PathBuf,
    /// Prints what is wrong as a JSON array, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct TestArguments {
    /// The manifests.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Runs only the tests whose names contain this text.
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
    /// Prints the outcomes as a JSON array, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}
