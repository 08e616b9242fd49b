//! `azud new pipeline`.

use super::folder::{self, File};
use super::kafka;
use super::name::Name;
use super::steps;
use crate::args::{NewPipeline, NewSource};
use crate::failure::Failure;
use crate::output::print;

const FILE: &str = include_str!("../../templates/pipeline/file.yaml");
const SOCKET: &str = include_str!("../../templates/pipeline/socket.yaml");
const GENERATOR: &str = include_str!("../../templates/pipeline/generator.yaml");
const ORDERS: &str = include_str!("../../templates/pipeline/orders.json");
const LINES: &str = include_str!("../../templates/pipeline/lines.txt");

pub(crate) fn new(arguments: &NewPipeline) -> Result<(), Failure> {
    let name = Name::of(&arguments.name, "pipeline")?;
    let files = match arguments.from {
        // Before a folder is made: brokers may be away.
        NewSource::Kafka => kafka::files(arguments, &name.name)?,
        from => files(from, &name.name),
    };
    folder::make(&name.folder)?;
    for file in &files {
        folder::write(&name.folder, file.path, file.text.as_bytes())?;
    }
    let azud = steps::program();
    let line = |thing: String, what: &str| (thing, what.to_owned());
    let mut next = vec![
        line(
            format!("{azud} check pipeline.yaml"),
            "says what is wrong with it, if anything",
        ),
        line(format!("{azud} test pipeline.yaml"), "runs its tests"),
        line(format!("{azud} run pipeline.yaml"), "runs it"),
    ];
    if let NewSource::Socket = arguments.from {
        next.push(line(
            "nc 127.0.0.1 9999 < lines.txt".into(),
            "sends it lines, from another terminal",
        ));
    }
    print(&steps::tell(&name.folder, &files, &[], &next))
}

fn files(from: NewSource, name: &str) -> Vec<File> {
    let (pipeline, data) = match from {
        NewSource::File => (
            FILE,
            Some(File::new("data/orders.json", ORDERS, "what it reads")),
        ),
        NewSource::Socket => (
            SOCKET,
            Some(File::new("lines.txt", LINES, "what to send to it")),
        ),
        NewSource::Generator | NewSource::Kafka => (GENERATOR, None),
    };
    let pipeline = pipeline.replace("{{name}}", name);
    let pipeline = File::new("pipeline.yaml", pipeline, "the pipeline, with its tests");
    [pipeline].into_iter().chain(data).collect()
}
