//! Connectors and an environment for the tests: the real ones live in crates that this one does not know.

use azud_manifest::{ByteSize, Connector, Duration, Manifest, Report};
use schemars::JsonSchema;

/// Options as a file connector has them.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct FileSource {
    /// A file, a folder or a glob.
    pub(crate) path: String,
    /// At most so many new files an epoch.
    pub(crate) max_files: Option<std::num::NonZeroUsize>,
    /// How long a file must not have changed.
    pub(crate) settle: Option<Duration>,
    /// The longest line.
    pub(crate) max_line: Option<ByteSize>,
}

/// Options as a file sink has them.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct FileSink {
    /// A folder.
    pub(crate) path: String,
}

/// One of two.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub(crate) enum Socket {
    /// To whom.
    Connect(String),
    /// Where.
    Listen(String),
}

/// A style.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub(crate) enum Style {
    /// Spark's table.
    Table,
    /// DStream's.
    Pprint,
}

/// Options that all have defaults.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Console {
    /// How rows look.
    pub(crate) style: Option<Style>,
    /// How many.
    pub(crate) rows: Option<u32>,
    /// Whether long values are cut.
    pub(crate) truncate: Option<bool>,
}

/// The connectors of the tests.
pub(crate) const CONNECTORS: [Connector; 3] = [
    Connector {
        name: "file",
        source: Some(|generator| generator.subschema_for::<FileSource>()),
        sink: Some(|generator| generator.subschema_for::<FileSink>()),
    },
    Connector {
        name: "socket",
        source: Some(|generator| generator.subschema_for::<Socket>()),
        sink: None,
    },
    Connector {
        name: "console",
        source: None,
        sink: Some(|generator| generator.subschema_for::<Console>()),
    },
];

/// The environment of the tests.
pub(crate) fn env(name: &str) -> Option<String> {
    match name {
        "LANES" => Some("4".into()),
        "DIGITS" => Some("12345".into()),
        "SECRET" => Some("hunter2".into()),
        "INJECT" => Some("x\nname: y".into()),
        _ => None,
    }
}

/// Parses as the program does.
pub(crate) fn parse(name: &str, text: &str) -> Result<Manifest, Report> {
    azud_manifest::parse(name, text, &CONNECTORS, &env)
}
