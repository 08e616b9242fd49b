//! Commands and flags.

mod letters;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::log::LogFormat;
pub(crate) use letters::{Chosen, LettersCommand, LettersLs, LettersReplay, LettersShow};

/// Runs streams through sandboxed WebAssembly plugins.
#[derive(Debug, Parser)]
#[command(name = "azud", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Tells more in the log: -v what plugins log for their authors, -vv everything.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
    /// How the log is written on stderr: as text where that is a terminal, as JSON elsewhere,
    /// unless said here or in the environment variable AZUD_LOG_FORMAT.
    #[arg(long, value_enum, value_name = "FORMAT", global = true)]
    pub(crate) log_format: Option<LogFormat>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs a pipeline until its sources end or it is interrupted.
    ///
    /// Plugins with a `source:` are built first, where they are out of date.
    /// The first Ctrl-C (or SIGTERM) drains: what was read is processed and
    /// committed. The second stops at once.
    Run(RunArguments),
    /// Lets another version of a plugin take over in a pipeline that runs.
    ///
    /// It is checked and tried beside the pipeline, takes over between two epochs in all lanes at
    /// once, and is taken back if it fails before the first epoch of its own is recorded. Exits
    /// with 1 if it was taken back, with 2 if it was refused; the old version runs on then.
    Reload(ReloadArguments),
    /// Lets a changed manifest take over in a pipeline that runs.
    ///
    /// At the end of an epoch: nodes that are the same keep their connections and state, added
    /// ones start, removed ones have drained. It is taken back if it fails before its first epoch
    /// is recorded. `azud plan FILE --against HOST:PORT` shows first what would change. Exits with
    /// 1 if it was taken back, with 2 if it was refused; what ran before runs on then.
    Apply(ApplyArguments),
    /// Shows what a running pipeline does: rows of each node, watermarks, versions of plugins.
    Status(StatusArguments),
    /// Shows rows as they pass a node of a pipeline that runs.
    ///
    /// What a source or a transform gives, and what a sink takes; NODE.rejected and NODE.late are
    /// what it rejects and what comes too late for it. Rows are picked from all that pass, so that
    /// the pipeline never waits: how many passed is told at the end, on stderr. Ends with the
    /// pipeline, or by Ctrl-C.
    Tap(TapArguments),
    /// Says everything that is wrong with a pipeline, without running it.
    Check(CheckArguments),
    /// Shows what a pipeline is: nodes, lanes, modes, state, and what each sink guarantees.
    Plan(PlanArguments),
    /// Shows what a checkpoint keeps, also while a pipeline runs over it.
    #[command(subcommand)]
    State(StateCommand),
    /// Says what a node waits for, also while its pipeline runs: the watermark and who holds it
    /// back, the next window to close, and what is kept until when.
    Why(WhyArguments),
    /// Lists, shows and replays rejected rows that a sink of the pipeline has.
    #[command(subcommand)]
    DeadLetters(LettersCommand),
    /// Runs the tests of manifests: the rows under `tests` instead of sources and sinks.
    ///
    /// Plugins with a `source:` are built first, where they are out of date.
    /// Nothing else is read, and nothing written.
    Test(TestArguments),
    /// Makes a folder for a plugin or a pipeline that runs at once.
    #[command(subcommand)]
    New(NewCommand),
    /// Builds a plugin: a folder with a Rust package in, a component out.
    ///
    /// What is up to date is not built again. The component is in the folder's
    /// `target/azud`; the last line on stdout says where, how large, and its sha256.
    /// `AZUD_TARGET_DIR` names a folder where several plugins keep what cargo compiled.
    Build(BuildArguments),
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

#[derive(Debug, Subcommand)]
pub(crate) enum NewCommand {
    /// A plugin in Rust, with the SDK, a test, and a pipeline that runs it.
    Plugin(NewPlugin),
    /// A pipeline with sample data, SQL and tests.
    Pipeline(NewPipeline),
}

#[derive(Args, Debug)]
pub(crate) struct NewPlugin {
    /// The folder to make; its last part names the plugin: letters, digits, `_` and `-`.
    pub(crate) name: PathBuf,
    /// What the plugin does: a transform maps rows, a keyed one does by what it knows of their key,
    /// an aggregate reduces groups of them in SQL, a sink writes them somewhere.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) world: NewWorld,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum NewWorld {
    #[default]
    Transform,
    Keyed,
    Aggregate,
    Sink,
}

#[derive(Args, Debug)]
pub(crate) struct NewPipeline {
    /// The folder to make; its last part names the pipeline: letters, digits, `_` and `-`.
    pub(crate) name: PathBuf,
    /// Where its rows come from.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) from: NewSource,
    /// With `--from kafka`: the brokers, `host:port`.
    #[arg(long, required_if_eq("from", "kafka"))]
    pub(crate) servers: Option<String>,
    /// With `--from kafka`: the topic that is looked at.
    #[arg(long, required_if_eq("from", "kafka"))]
    pub(crate) topic: Option<String>,
    /// With `--from kafka`: more of the source's options, in JSON: {"tls":true}. A password in them
    /// is written as ${KAFKA_PASSWORD}.
    #[arg(long, value_name = "JSON")]
    pub(crate) options: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum NewSource {
    #[default]
    File,
    Socket,
    Generator,
    /// A topic: the manifest is written by what is in it.
    Kafka,
}

#[derive(Args, Debug)]
pub(crate) struct BuildArguments {
    /// The folder of the plugin's Rust package.
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Where a copy of the component goes: a file, or a folder for `<name>.wasm`.
    #[arg(short, long, value_name = "OUT.wasm")]
    pub(crate) out: Option<PathBuf>,
    /// Builds also what is up to date.
    #[arg(long)]
    pub(crate) force: bool,
    /// Prints what was built as JSON, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    /// The manifest.
    pub(crate) file: PathBuf,
    /// Prints one line of JSON on stdout for every epoch: rows, rates, durations.
    #[arg(long)]
    pub(crate) json: bool,
    /// Lets a node start anew where the checkpoint does not fit it, and a sink put aside
    /// what another run has left. May be given several times.
    #[arg(long, value_name = "NODE")]
    pub(crate) allow_reset: Vec<String>,
    /// Lets plugins take over whose component or source changes, and the manifest when its file
    /// does, while data flows.
    #[arg(long)]
    pub(crate) watch: bool,
    /// Serves the admin endpoint there, for `azud reload` and others: 127.0.0.1:9464 unless
    /// said. An address that others can reach wants a token in AZUD_ADMIN_TOKEN.
    #[arg(long, value_name = "ADDRESS:PORT", num_args = 0..=1, default_missing_value = azud_admin::ADDRESS)]
    pub(crate) listen: Option<SocketAddr>,
}

#[derive(Args, Debug)]
pub(crate) struct ReloadArguments {
    /// The node whose plugin it is; `node.function` for one of several that a query calls.
    #[arg(value_parser = crate::reload::node)]
    pub(crate) node: String,
    /// The component of the new version.
    #[arg(required_unless_present_any = ["promote", "forget"])]
    pub(crate) component: Option<PathBuf>,
    /// Lets it run beside the old version for so long (`1m`), on the same rows, and prints what
    /// it makes of them differently; what it gives is thrown away.
    #[arg(long, value_name = "DURATION", value_parser = crate::reload::duration)]
    pub(crate) shadow: Option<azud_model::Duration>,
    /// Lets what runs beside the old version take over.
    #[arg(long, conflicts_with_all = ["component", "shadow", "forget", "sha256"])]
    pub(crate) promote: bool,
    /// Ends what runs beside the old version.
    #[arg(long, conflicts_with_all = ["component", "shadow", "sha256"])]
    pub(crate) forget: bool,
    /// What the component has to be: its sha256.
    #[arg(long, value_name = "HEX")]
    pub(crate) sha256: Option<String>,
    #[command(flatten)]
    pub(crate) at: At,
    /// Prints what came of it as JSON, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ApplyArguments {
    /// The manifest. Its paths are those of the pipeline's folder, its variables those of the
    /// pipeline's process.
    pub(crate) file: PathBuf,
    /// Lets a node begin anew that would lose what is kept of it. May be given several times.
    #[arg(long, value_name = "NODE")]
    pub(crate) allow_reset: Vec<String>,
    #[command(flatten)]
    pub(crate) at: At,
    /// Prints what came of it as JSON, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    pub(crate) at: At,
    /// Shows it anew each second, until the pipeline ends.
    #[arg(long)]
    pub(crate) watch: bool,
    /// Prints it as JSON, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct TapArguments {
    /// The node, or NODE.rejected, NODE.late.
    #[arg(value_parser = crate::reload::node)]
    pub(crate) node: String,
    /// Ends after so many rows.
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// At most so many rows a second, up to 1000.
    #[arg(
        long,
        value_name = "ROWS",
        default_value_t = azud_admin::TAP_RATE,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(azud_engine::TAP_RATE))
    )]
    pub(crate) rate: u32,
    #[command(flatten)]
    pub(crate) at: At,
    /// Prints a line of JSON a row, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A pipeline that runs.
#[derive(Args, Debug)]
pub(crate) struct At {
    /// Where it listens: what it was given as `--listen`. The environment variable
    /// AZUD_ADMIN_TOKEN has its token, if it wants one.
    #[arg(long = "at", value_name = "HOST:PORT", default_value = azud_admin::ADDRESS)]
    pub(crate) address: String,
}

#[derive(Args, Debug)]
pub(crate) struct CheckArguments {
    /// The manifest.
    pub(crate) file: PathBuf,
    /// Prints what is wrong as a JSON array, for programs.
    #[arg(long)]
    pub(crate) json: bool,
    /// Prints the columns of every node, as Spark's `printSchema` does.
    #[arg(long, conflicts_with = "json")]
    pub(crate) schema: bool,
}

#[derive(Args, Debug)]
pub(crate) struct PlanArguments {
    /// The manifest.
    pub(crate) file: PathBuf,
    /// Says of every node whether it could go on with this checkpoint: kept, changed, new
    /// or lost; or, given where a pipeline listens (127.0.0.1:9464), what it would change there.
    /// Exits with 1 if something would be lost.
    #[arg(long, value_name = "CHECKPOINT|HOST:PORT")]
    pub(crate) against: Option<PathBuf>,
    /// Prints it as JSON, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct WhyArguments {
    /// The manifest, which has a `checkpoint`.
    pub(crate) file: PathBuf,
    /// The node: a source, a transform or a sink.
    pub(crate) node: String,
    /// Prints it as JSON, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// Lists the epochs that are kept, and what states there are.
    Ls(StateLs),
    /// Shows rows of a node's state.
    Show(StateShow),
    /// Writes all rows of a node's state to a file.
    Export(StateExport),
}

#[derive(Args, Debug)]
pub(crate) struct StateLs {
    /// The manifest, or the checkpoint's folder or URL.
    pub(crate) checkpoint: PathBuf,
    /// Prints the records as a JSON array, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct StateOf {
    /// The manifest, or the checkpoint's folder or URL.
    pub(crate) checkpoint: PathBuf,
    /// The node.
    pub(crate) node: String,
    /// The epoch; the newest unless said.
    #[arg(long)]
    pub(crate) epoch: Option<u64>,
}

#[derive(Args, Debug)]
pub(crate) struct StateShow {
    #[command(flatten)]
    pub(crate) of: StateOf,
    /// How many rows.
    #[arg(long, default_value_t = 20)]
    pub(crate) rows: usize,
    /// Prints one line of JSON a row, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct StateExport {
    #[command(flatten)]
    pub(crate) of: StateOf,
    /// The file: its name ends with .json, .csv or .parquet.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
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
