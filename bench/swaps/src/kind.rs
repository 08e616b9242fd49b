//! What is swapped: a pipeline, its plugin, and what has to come of it.

use std::path::Path;

use anyhow::Result;

use crate::partitions::Partitions;
use crate::written;

/// A pipeline whose plugin is swapped.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// The node whose plugin it is.
    pub(crate) node: &'static str,
    /// The plugin's folder in the repository.
    pub(crate) plugin: &'static str,
    /// A version of the component with that number.
    pub(crate) version: fn(&[u8], u32) -> Result<Vec<u8>>,
    /// Without its name, source and checkpoint; `PORT` is where the receiver listens.
    pub(crate) nodes: &'static str,
    /// The source's columns.
    pub(crate) columns: &'static str,
    /// Holds what came out against so many records that were read, after so many swaps: the folder
    /// of the pipeline, and what the receiver was given.
    pub(crate) holds: fn(&Path, Partitions, u64, u32) -> Result<()>,
}

pub(crate) const KINDS: [Kind; 4] = [
    Kind {
        name: "transform",
        node: "evil",
        plugin: "tests/evil/guest",
        version: said,
        columns: "n: { type: bigint, sequence: true, max: 9 }, id: { type: bigint, sequence: true }",
        nodes: "
transforms:
  evil: { from: numbers, plugin: evil }
sinks:
  out: { from: evil, file: { path: ./out }, format: json }
plugins:
  evil: { path: ./first.wasm }
",
        holds: |folder, _, read, swaps| written::transformed(&folder.join("out"), read, swaps),
    },
    Kind {
        name: "keyed",
        node: "evil",
        plugin: "tests/evil/guest",
        version: said,
        columns: "n: { type: bigint, sequence: true, max: 9 }, k: { type: bigint, sequence: true, max: 9 }",
        nodes: "
transforms:
  evil: { from: numbers, plugin: evil, key: [k] }
sinks:
  out: { from: evil, file: { path: ./out }, format: json }
plugins:
  evil: { path: ./first.wasm }
",
        holds: |folder, _, read, swaps| written::kept(&folder.join("out"), read, swaps),
    },
    Kind {
        name: "aggregate",
        node: "evil",
        plugin: "tests/evil/guest",
        version: said,
        columns: "n: { type: bigint, sequence: true, max: 9 }, id: { type: bigint, sequence: true }",
        nodes: "
transforms:
  evil: { sql: 'SELECT n, evil(n) AS total, count(*) AS rows FROM numbers GROUP BY n' }
sinks:
  out: { from: evil, file: { path: ./out, layout: batches }, format: json, mode: update }
plugins:
  evil: { path: ./first.wasm }
",
        holds: |folder, _, read, _| written::summed(folder, read),
    },
    Kind {
        name: "sink",
        node: "out",
        plugin: "plugins/http-post",
        version: renamed,
        columns: "n: { type: bigint, sequence: true, max: 9 }, id: { type: bigint, sequence: true }",
        nodes: "
sinks:
  out: { from: numbers, plugin: out, config: { url: 'http://127.0.0.1:PORT/' } }
plugins:
  out: { path: ./first.wasm, grants: { http: ['127.0.0.1:PORT'] } }
",
        holds: |_, received, read, _| received.hold(read),
    },
];

/// A version of the plugin that says `v<number>` of rows, or of nothing: its place for that is
/// behind a mark.
fn said(component: &[u8], number: u32) -> Result<Vec<u8>> {
    const MARK: &[u8] = b"azud-evil-version:";
    const LENGTH: usize = 128;
    let mut bytes = component.to_vec();
    let at = bytes.windows(MARK.len()).position(|part| part == MARK);
    let place = at.and_then(|at| bytes.get_mut(at + MARK.len()..at + LENGTH));
    let place = place.ok_or_else(|| anyhow::anyhow!("the component has no mark"))?;
    let text = format!(r#"{{"said":"v{number}"}}"#);
    place.fill(b' ');
    for (byte, said) in place.iter_mut().zip(text.bytes()) {
        *byte = said;
    }
    Ok(bytes)
}

/// The same component with another digest: a custom section that says nothing.
fn renamed(component: &[u8], number: u32) -> Result<Vec<u8>> {
    let name = format!("v{number}");
    let length = u8::try_from(name.len())?;
    let section = [0, length + 1, length];
    Ok([component, &section, name.as_bytes()].concat())
}
