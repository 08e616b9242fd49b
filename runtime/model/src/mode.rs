//! Output modes, with Spark's names and meaning.

/// Which rows of a result a sink gets at the end of an epoch: Spark's output modes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// Rows that will never change, once.
    #[default]
    Append,
    /// Rows that changed in this epoch.
    Update,
    /// All rows of the result, each time.
    Complete,
}
