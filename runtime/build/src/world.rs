//! The kinds of plugins, and what each is built for.

use std::fmt;

/// A kind of plugin: `world` under `[package.metadata.azud]` in its `Cargo.toml`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum World {
    /// Maps batches.
    #[default]
    Transform,
    /// Maps rows by what is known of their key.
    Keyed,
    /// Reduces groups.
    Aggregate,
    /// Writes batches to the outside world.
    Sink,
}

// === impl World ===

impl World {
    const ALL: [Self; 4] = [Self::Transform, Self::Keyed, Self::Aggregate, Self::Sink];

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|world| world.name() == name)
    }

    /// Its name in a manifest and in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transform => "transform",
            Self::Keyed => "keyed",
            Self::Aggregate => "aggregate",
            Self::Sink => "sink",
        }
    }

    /// What Rust compiles it for. What only computes needs no WASI, and gets no imports. A sink
    /// does I/O.
    pub fn target(self) -> &'static str {
        match self {
            Self::Transform | Self::Keyed | Self::Aggregate => "wasm32-unknown-unknown",
            Self::Sink => "wasm32-wasip2",
        }
    }

    /// `known are ...`, for errors.
    pub(crate) fn known() -> String {
        let names = Self::ALL.map(|world| format!("`{world}`"));
        format!("known are {}", names.join(", "))
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
