//! `azud new plugin`.

use std::process::{Command, Stdio};

use super::folder::{self, File};
use super::name::Name;
use super::{lock, sdk, steps};
use crate::args::{NewPlugin, NewWorld};
use crate::failure::Failure;
use crate::output::print;

/// The files of a template, as `{{name}}` (of the crate) and `{{plugin}}` (in
/// the manifest) stand in them.
struct Template {
    world: &'static str,
    source: &'static str,
    pipeline: &'static str,
    readme: &'static str,
    /// A folder to write to has to be there before it can be granted.
    out: Option<&'static str>,
}

const CARGO: &str = include_str!("../../templates/plugin/Cargo.toml.in");
const DATA: &str = include_str!("../../templates/plugin/orders.json");

const TRANSFORM: Template = Template {
    world: "transform",
    source: include_str!("../../templates/plugin/transform/lib.rs"),
    pipeline: include_str!("../../templates/plugin/transform/pipeline.yaml"),
    readme: include_str!("../../templates/plugin/transform/README.md"),
    out: None,
};

const AGGREGATE: Template = Template {
    world: "aggregate",
    source: include_str!("../../templates/plugin/aggregate/lib.rs"),
    pipeline: include_str!("../../templates/plugin/aggregate/pipeline.yaml"),
    readme: include_str!("../../templates/plugin/aggregate/README.md"),
    out: None,
};

const KEYED: Template = Template {
    world: "keyed",
    source: include_str!("../../templates/plugin/keyed/lib.rs"),
    pipeline: include_str!("../../templates/plugin/keyed/pipeline.yaml"),
    readme: include_str!("../../templates/plugin/keyed/README.md"),
    out: None,
};

const SINK: Template = Template {
    world: "sink",
    source: include_str!("../../templates/plugin/sink/lib.rs"),
    pipeline: include_str!("../../templates/plugin/sink/pipeline.yaml"),
    readme: include_str!("../../templates/plugin/sink/README.md"),
    out: Some("*\n!.gitignore\n"),
};

pub(crate) fn new(arguments: &NewPlugin) -> Result<(), Failure> {
    let name = Name::of_plugin(&arguments.name, lock::crates())?;
    let template = match arguments.world {
        NewWorld::Transform => TRANSFORM,
        NewWorld::Aggregate => AGGREGATE,
        NewWorld::Keyed => KEYED,
        NewWorld::Sink => SINK,
    };
    folder::make(&name.folder)?;
    let files = template.files(&name);
    for file in &files {
        folder::write(&name.folder, file.path, file.text.as_bytes())?;
    }
    sdk::write(&name.folder)?;
    let line = |thing: String, what: &str| (thing, what.to_owned());
    let azud = steps::program();
    let next = [
        line("cargo test".into(), "runs the plugin's own test, natively"),
        line(
            format!("{azud} build"),
            "makes the component; the first time takes a minute",
        ),
        line(
            format!("{azud} test pipeline.yaml"),
            "runs the pipeline's tests",
        ),
        line(format!("{azud} run pipeline.yaml"), "runs the pipeline"),
    ];
    let sdk = [line(
        sdk::FOLDER.into(),
        "the SDK, so that it builds anywhere",
    )];
    print(&steps::tell(&name.folder, &files, &sdk, &next))?;
    if !has_cargo() {
        tracing::warn!(
            "cargo is not there: install Rust with rustup (https://rustup.rs) before these commands"
        );
    }
    Ok(())
}

// === impl Template ===

impl Template {
    fn files(&self, name: &Name) -> Vec<File> {
        let fill = |text: &str| {
            text.replace("{{name}}", &name.name)
                .replace("{{plugin}}", &name.plugin())
                .replace("{{world}}", self.world)
        };
        let mut files = vec![
            File::new(
                "src/lib.rs",
                fill(self.source),
                "the plugin and its test: edit this",
            ),
            File::new(
                "pipeline.yaml",
                fill(self.pipeline),
                "a pipeline that runs it, with tests",
            ),
            File::new("orders.json", DATA, "what the pipeline reads"),
            File::new("README.md", fill(self.readme), "these commands"),
            File::new("Cargo.toml", fill(CARGO), "the crate"),
            File::new(
                "Cargo.lock",
                lock::of(&name.name),
                "the versions that it was tested with",
            ),
            File::new(".gitignore", "target/\n*.wasm\n", "what git leaves out"),
        ];
        let out = self
            .out
            .map(|text| File::new("out/.gitignore", text, "the folder that it writes to"));
        files.extend(out);
        files
    }
}

/// Nothing of the template builds without it.
fn has_cargo() -> bool {
    let mut cargo = Command::new("cargo");
    cargo.arg("--version");
    cargo.stdout(Stdio::null()).stderr(Stdio::null());
    cargo.status().is_ok_and(|status| status.success())
}
