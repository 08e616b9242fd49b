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
