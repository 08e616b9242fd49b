//! The flags of `azud dead-letters`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::At;

#[derive(Debug, Subcommand)]
pub(crate) enum LettersCommand {
    /// Lists what was rejected, by sink, node and reason, and how many of it were replayed.
    Ls(LettersLs),
    /// Shows dead letters whole.
    Show(LettersShow),
    /// Gives dead letters to the nodes that rejected them again, in the pipeline that runs, once
    /// each; or shows what would come of it.
    ///
    /// What is replayed is kept in the checkpoint before anything is done, and goes from its node to
    /// the sinks with one epoch. A row that is rejected again is another dead letter, of one attempt
    /// more. Those that were replayed before are left out. Exits with 1 if nobody answers or some
    /// cannot be replayed, with 2 if all is refused.
    Replay(LettersReplay),
}

/// Which dead letters.
#[derive(Args, Debug)]
pub(crate) struct Chosen {
    /// The manifest.
    pub(crate) file: PathBuf,
    /// Only those that this node rejected.
    #[arg(long, value_name = "NODE")]
    pub(crate) node: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct LettersLs {
    #[command(flatten)]
    pub(crate) of: Chosen,
    /// Prints it as JSON, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct LettersShow {
    #[command(flatten)]
    pub(crate) of: Chosen,
    /// Only those with these ids.
    pub(crate) ids: Vec<String>,
    /// At most so many.
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: usize,
    /// Prints one line of JSON a dead letter, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct LettersReplay {
    #[command(flatten)]
    pub(crate) of: Chosen,
    /// Only those with these ids.
    #[arg(long = "id", value_name = "ID", num_args = 1..)]
    pub(crate) ids: Vec<String>,
    /// Only to the screen: what each sink would get, and what is rejected again. Nodes with state
    /// begin with none; no sink and no checkpoint is touched.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// With --dry-run: the node's plugin is this component.
    #[arg(long, value_name = "COMPONENT", requires = "node")]
    pub(crate) plugin: Option<PathBuf>,
    /// Also those that were replayed before.
    #[arg(long)]
    pub(crate) again: bool,
    #[command(flatten)]
    pub(crate) at: At,
    /// Prints what came of it as JSON, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}
