//! What an import means for whoever runs the plugin.

use crate::{plugin::is_own, wasi};

/// What a plugin reaches through an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Words of the contract: nothing.
    Types,
    /// The pipeline's log.
    Log,
    /// What it prints: the pipeline's log too.
    Output,
    /// Arguments and variables.
    Environment,
    /// The end of its own process.
    Exit,
    /// The time.
    Clock,
    /// Random numbers.
    Random,
    /// What streams and waiting are made of.
    Plumbing,
    /// Files.
    Files,
    /// Connections.
    Sockets,
    /// HTTP requests.
    Http,
    /// Something that azud has not.
    Foreign,
}

// === impl Reach ===

impl Reach {
    pub(super) fn of(import: &str) -> Self {
        if is_own(import) {
            return match import.contains("/log@") {
                true => Self::Log,
                false => Self::Types,
            };
        }
        if !wasi::offers(import) {
            return Self::Foreign;
        }
        let interface = import.split('@').next().unwrap_or_default();
        let (package, interface) = interface.split_once('/').unwrap_or((interface, ""));
        match (package, interface) {
            ("wasi:cli", "environment") => Self::Environment,
            ("wasi:cli", "exit") => Self::Exit,
            ("wasi:cli", _) => Self::Output,
            ("wasi:clocks", _) => Self::Clock,
            ("wasi:random", _) => Self::Random,
            ("wasi:io", _) => Self::Plumbing,
            ("wasi:filesystem", _) => Self::Files,
            ("wasi:sockets", _) => Self::Sockets,
            ("wasi:http", _) => Self::Http,
            _ => Self::Foreign,
        }
    }

    /// A word for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Types => "types",
            Self::Log => "log",
            Self::Output => "output",
            Self::Environment => "environment",
            Self::Exit => "exit",
            Self::Clock => "clock",
            Self::Random => "random",
            Self::Plumbing => "plumbing",
            Self::Files => "files",
            Self::Sockets => "sockets",
            Self::Http => "http",
            Self::Foreign => "foreign",
        }
    }

    /// What it is to a transform: an empty world that is always the same.
    pub fn in_transform(self) -> &'static str {
        match self {
            Self::Environment => "no arguments, no variables",
            Self::Clock => "clocks that stand at zero",
            Self::Random => "the same numbers in every instance",
            Self::Files => "no files",
            Self::Sockets | Self::Http => "no network: a call of it fails",
            other => other.anywhere(),
        }
    }

    /// What it is to a sink: what `grants:` names.
    pub fn in_sink(self) -> &'static str {
        match self {
            Self::Environment => "the variables that `grants: { env, secrets }` names",
            Self::Clock => "the time",
            Self::Random => "random numbers",
            Self::Files => "the folders that `grants: { dirs }` names",
            Self::Sockets => "the servers that `grants: { tcp }` names",
            Self::Http => "the servers that `grants: { http }` names",
            other => other.anywhere(),
        }
    }

    fn anywhere(self) -> &'static str {
        match self {
            Self::Types => "types: nothing",
            Self::Log => "lines in the pipeline's log",
            Self::Output => "what it prints goes to the pipeline's log; there is no input",
            Self::Exit => "fails the call",
            Self::Plumbing => "streams and waiting, of the others",
            Self::Foreign => "azud has it not: the plugin cannot be run",
            _ => "",
        }
    }

    /// The key below `grants:` that a sink needs for it to be of use, and an example.
    pub fn grants(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Http => &[("http", "[\"example.com:443\"]")],
            Self::Sockets => &[("tcp", "[\"example.com:5432\"]")],
            Self::Files => &[("dirs", "{ ./out: write }")],
            Self::Environment => &[("env", "[NAME]"), ("secrets", "[TOKEN]")],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_import_means_something() {
        for (import, reach) in [
            ("azud:plugin/log@0.1.3", Reach::Log),
            ("azud:plugin/types@0.1.0", Reach::Types),
            ("azud:plugin/log@0.2.0", Reach::Foreign),
            ("azud:plugin/state@0.1.0", Reach::Foreign),
            ("wasi:cli/stderr@0.2.6", Reach::Output),
            ("wasi:cli/environment@0.2.6", Reach::Environment),
            ("wasi:cli/environment@0.3.0", Reach::Foreign),
            ("wasi:filesystem/preopens@0.2.0", Reach::Files),
            ("wasi:http/outgoing-handler@0.2.4", Reach::Http),
            ("wasi:sockets/tcp@0.2.4", Reach::Sockets),
            ("wasi:nn/graph@0.2.0", Reach::Foreign),
            ("evil:host/run", Reach::Foreign),
            ("run", Reach::Foreign),
        ] {
            assert_eq!(Reach::of(import), reach, "{import}");
            assert!(!reach.in_transform().is_empty() && !reach.in_sink().is_empty());
        }
    }
}
