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
    /// Shows what a component is, what it can reach and which columns it wants.
    ///
    /// Nothing of it is run but its `open`, in the sandbox. Without --schema, the
    /// columns that it wants are found by asking it.
    Inspect(InspectArguments),
    /// Prints the JSON Schema of manifests, for editors.
    Schema,
    /// Compiles the component on stdin, within limits: what azud calls itself.
    #[command(hide = true)]
    CompileComponent(CompileArguments),
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
pub(crate) struct InspectArguments {
    /// The component.
    pub(crate) file: PathBuf,
    /// The columns that it gets: "user string, amount bigint".
    #[arg(long)]
    pub(crate) schema: Option<String>,
    /// The configuration that it gets, as JSON.
    #[arg(long)]
    pub(crate) config: Option<String>,
    /// Prints it as JSON, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct CompileArguments {
    /// Bytes of address space.
    pub(crate) memory: u64,
    /// Seconds.
    pub(crate) seconds: u64,
}
