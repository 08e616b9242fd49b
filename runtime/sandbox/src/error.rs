//! What can go wrong: with a component, with `open`, with a batch.

use std::{io, path::PathBuf, time::Duration};

use arrow::error::ArrowError;

use crate::limits;

/// A file is not a plugin that this host can run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file could not be read.
    #[error("cannot read the plugin {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is empty.
    #[error("the plugin {0} is empty; build it again")]
    Empty(String),
    /// The file is larger than any plugin.
    #[error("the plugin {name} has more than {}: is it a plugin?", limits::bytes(*.limit))]
    TooLarge {
        /// The plugin.
        name: String,
        /// The limit.
        limit: usize,
    },
    /// The file is something else.
    #[error(
        "{0} is no WebAssembly file; a plugin is a component: with `source:` instead of `path:`, azud builds one"
    )]
    NotWasm(String),
    /// The file is a core module.
    #[error(
        "{0} is a core module, not a component; name its crate with `source:` and azud makes one, or use `wasm-tools component new`"
    )]
    CoreModule(String),
    /// The file is not the one that the manifest means.
    #[error(
        "{name} has the sha256 {actual}, the manifest says {expected}; build or fetch it again, or change `sha256:`"
    )]
    Digest {
        /// The plugin.
        name: String,
        /// What the manifest says.
        expected: String,
        /// What it is.
        actual: String,
    },
    /// The component is broken, or uses what is not supported.
    #[error("{name} is not a valid component: {reason}")]
    Compile {
        /// The plugin.
        name: String,
        /// What the compiler said.
        reason: String,
    },
    /// Compiling the component takes too long.
    #[error(
        "compiling {name} took longer than {limit:?}; a plugin of another size, or built with optimisation, compiles in seconds"
    )]
    CompileTime {
        /// The plugin.
        name: String,
        /// The limit.
        limit: Duration,
    },
    /// Compiling the component needs too much memory.
    #[error("compiling {name} needed more than {} of memory; is it a plugin?", limits::bytes(*.limit as usize))]
    CompileMemory {
        /// The plugin.
        name: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The process that compiles did not do it.
    #[error("{name} cannot be compiled: the compiler failed: {reason}")]
    Compiler {
        /// The plugin.
        name: String,
        /// What became of it.
        reason: String,
    },
    /// The component exports nothing of azud's.
    #[error(
        "{name} is no azud plugin: it exports {exports}; a plugin exports azud:plugin/transform@{supported}"
    )]
    NoWorld {
        /// The plugin.
        name: String,
        /// What it exports.
        exports: String,
        /// The version that this host supports.
        supported: &'static str,
    },
    /// The component was made for another version of the contract.
    #[error(
        "{name} exports {export}, this host supports version {supported}: build the plugin with an SDK of that version"
    )]
    Version {
        /// The plugin.
        name: String,
        /// What it exports.
        export: String,
        /// The version that this host supports.
        supported: &'static str,
    },
    /// The component needs something that no plugin gets.
    #[error(
        "{name} needs {import}, which azud has not; a plugin may import azud:plugin/log and WASI 0.2"
    )]
    Import {
        /// The plugin.
        name: String,
        /// What it asks for.
        import: String,
    },
}

/// A plugin cannot be opened on this configuration and this schema.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The plugin exports another interface.
    #[error("the plugin {name} is {}, not {}", one(.actual), one(.expected))]
    World {
        /// The plugin.
        name: String,
        /// What it is.
        actual: &'static str,
        /// What it is used as.
        expected: &'static str,
    },
    /// A type has no form on the boundary.
    #[error(
        "column `{column}` has the type {data_type}, which a plugin cannot take: cast it in SQL before this step"
    )]
    Type {
        /// The column.
        column: String,
        /// Its type.
        data_type: String,
    },
    /// The plugin does not fit the contract, or this host.
    #[error("the plugin cannot be started: {0}")]
    Instantiate(String),
    /// The plugin's `open` failed, or its answer was wrong.
    #[error(transparent)]
    Guest(#[from] GuestError),
}

/// A call of a plugin failed. The pipeline's data is as it was before the call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GuestError {
    /// `open` refused the configuration or the schema.
    #[error("the plugin refuses: {0}")]
    Refused(String),
    /// `process` failed the batch. The instance lives on.
    #[error("the plugin failed: {0}")]
    Failed(String),
    /// The plugin's code stopped: a panic, a division by zero, a wild access.
    #[error("the plugin trapped: {reason}")]
    Trapped {
        /// What happened, in wasmtime's words, and the last line that the plugin
        /// logged in that call: a panic's message, where an SDK logs it.
        reason: String,
    },
    /// The host could not start an instance anew: its own memory, say, is used up.
    #[error("{reason}")]
    Start {
        /// Why not.
        reason: String,
    },
    /// The call took too long.
    #[error("the plugin took longer than {limit:?} for a call (limits: deadline)")]
    Deadline {
        /// The limit.
        limit: Duration,
    },
    /// A sink's call took too long, most of it waiting.
    #[error("the plugin did not answer within {limit:?} (limits: timeout)")]
    Timeout {
        /// The limit.
        limit: Duration,
    },
    /// The pipeline ends: the call was given up.
    #[error("the pipeline ended while the plugin was at work")]
    Cancelled,
    /// The plugin wanted more memory than it may have.
    #[error("the plugin needs more than {} of memory (limits: memory)", limits::bytes(*.limit))]
    Memory {
        /// The limit in bytes.
        limit: usize,
    },
    /// The plugin wanted larger tables than it may have.
    #[error("the plugin needs more than {limit} table elements (limits: table)")]
    Table {
        /// The limit in elements.
        limit: usize,
    },
    /// The plugin's calls were nested too deep.
    #[error("the plugin needs more than {} of call stack", limits::bytes(*.limit))]
    Stack {
        /// The limit in bytes.
        limit: usize,
    },
    /// The plugin holds too many files, connections and the like.
    #[error(
        "the plugin holds more than {limit} handles at once: files, connections, requests, timers"
    )]
    Handles {
        /// The limit.
        limit: usize,
    },
    /// The plugin returned too much.
    #[error("the plugin returned more than {} for a batch (limits: output)", limits::bytes(*.limit))]
    Output {
        /// The limit in bytes.
        limit: usize,
    },
    /// The token of a prepared epoch is too large to be recorded.
    #[error(
        "the plugin prepared an epoch with a token of {actual} bytes, more than {}; a token names what was prepared, which stays at its target",
        limits::bytes(*.limit)
    )]
    Token {
        /// Its size in bytes.
        actual: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// What the plugin returned is wrong.
    #[error("the plugin returned a wrong answer: {what}")]
    Invalid {
        /// What is wrong with it.
        what: String,
    },
    /// The batch is not of the schema that the plugin was opened with.
    #[error("the batch does not fit the plugin's input: {what}")]
    Input {
        /// What does not fit.
        what: String,
    },
}

// === impl OpenError ===

impl OpenError {
    /// The same, where an instance is opened anew in the middle of a run.
    pub(crate) fn into_guest(self) -> GuestError {
        match self {
            Self::Guest(error) => error,
            error => GuestError::Start {
                reason: error.to_string(),
            },
        }
    }
}

// === impl GuestError ===

impl GuestError {
    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }

    /// The root cause says what happened; what is around it are frames of machine
    /// code, which differ from build to build.
    pub(crate) fn trapped(error: &wasmtime::Error, last_line: Option<String>) -> Self {
        let root = error.root_cause().to_string();
        let trap = root.trim_start_matches("wasm trap: ");
        let reason = match last_line {
            Some(line) => format!("{trap}; the last that it logged: {line}"),
            None => trap.to_owned(),
        };
        Self::Trapped { reason }
    }

    /// A fresh instance could not be opened, although the first one was: that is no
    /// matter of the rows that were to be given to it.
    pub(crate) fn reopening(self) -> Self {
        match self {
            Self::Cancelled | Self::Start { .. } => self,
            error => Self::Start {
                reason: format!("the plugin cannot be opened again after it failed: {error}"),
            },
        }
    }

    /// Arrow found what this crate's own checks had let pass.
    pub(crate) fn arrow(column: &str, error: &ArrowError) -> Self {
        let what = error.to_string();
        let what = what
            .split_once("error: ")
            .map_or(what.as_str(), |(_, what)| what);
        Self::invalid(format!("column `{column}`: {what}"))
    }
}

/// A kind of plugin with its article.
fn one(kind: &str) -> String {
    match kind.starts_with(['a', 'e', 'i', 'o', 'u']) {
        true => format!("an {kind}"),
        false => format!("a {kind}"),
    }
}
