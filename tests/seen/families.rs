//! `docs/metrics.md` has every family that is served, and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use crate::ask::until;
use crate::components::good;
use crate::exposition::Exposition;
use crate::pipeline::Folder;

/// Type, unit and labels of each name, as the table has them.
type Table = BTreeMap<String, (String, String, BTreeSet<String>)>;

/// A pipeline that has something of everything: event time, a journal, a plugin, a checkpoint.
fn manifest(port: u16) -> String {
    format!(
        "
name: everything
trigger: 100ms
parallelism: 2
checkpoint: {{ to: ./state }}
sources:
  in:
    socket: {{ connect: '127.0.0.1:{port}' }}
    format: json
    schema: {{ n: bigint, ts: timestamp }}
    time: {{ column: ts, delay: 0s }}
transforms:
  evil: {{ from: in, plugin: evil }}
sinks:
  out: {{ from: evil, blackhole: {{}} }}
plugins:
  evil: {{ path: ./first.wasm }}
"
    )
}

fn documented() -> Table {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let docs = fs::read_to_string(docs).unwrap();
    let rows = docs.lines().filter(|line| line.starts_with("| `azud_"));
    let rows = rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, unit, labels, meaning] = cells[..] else {
            panic!("{line}");
        };
        assert!(!meaning.is_empty(), "{line}");
        let labels = labels
            .split(',')
            .map(|label| label.trim().trim_matches('`'));
        let labels = labels.filter(|label| !label.is_empty()).map(str::to_owned);
        let about = (kind.to_owned(), unit.to_owned(), labels.collect());
        (name.trim_matches('`').to_owned(), about)
    });
    let rows: Vec<_> = rows.collect();
    let table: Table = rows.iter().cloned().collect();
    assert_eq!(table.len(), rows.len(), "a family has two rows");
    table
}

fn served(metrics: &Exposition) -> Table {
    let families = metrics.families.iter().map(|(name, family)| {
        let suffix = match &*family.kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        let labels = family.samples.keys().flat_map(|(_, labels)| labels.keys());
        let labels = labels.filter(|label| *label != "pipeline" && *label != "le");
        let about = (
            family.kind.clone(),
            family.unit.clone(),
            labels.cloned().collect(),
        );
        (format!("{name}{suffix}"), about)
    });
    families.collect()
}

#[test]
fn the_table_is_what_is_served() {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let folder = Folder::new(&manifest(server.local_addr().unwrap().port()));
    folder.write("first.wasm", &good(1));
    let pipeline = folder.run(&[], &[]);
    let (mut connection, _) = server.accept().unwrap();
    for n in 0..20 {
        writeln!(connection, r#"{{"n":{n},"ts":"2026-01-01T00:00:{n:02}Z"}}"#).unwrap();
    }
    let metrics = until("a watermark after 20 rows", || {
        let metrics = pipeline.metrics();
        let rows = metrics.get("azud_node_input_rows_total", &[("node", "out")]);
        let time = ("azud_source_watermark_timestamp_seconds", [("node", "in")]);
        let watermark = metrics.get(time.0, &time.1);
        (rows == Some(20.0) && watermark == Some(1_767_225_619.0)).then_some(metrics)
    });
    assert_eq!(served(&metrics), documented());
    let of = |name: &str, labels: &[(&str, &str)]| metrics.get(name, labels).unwrap();
    let digest = azud_sandbox::digest(&good(1));
    let version = [("node", "evil"), ("sha256", &*digest)];
    assert_eq!(metrics.get("azud_plugin_info", &version), Some(1.0));
    assert!(of("azud_plugin_memory_max_bytes", &[("node", "evil")]) >= 65_536.0);
    assert!(
        of(
            "azud_plugin_call_duration_seconds_count",
            &[("node", "evil")]
        ) >= 1.0
    );
    let journal = [("node", "in"), ("partition", "journal-0")];
    assert_eq!(metrics.get("azud_source_lag_records", &journal), Some(0.0));
    let bytes: usize = (0..20)
        .map(|n| format!(r#"{{"n":{n},"ts":"2026-01-01T00:00:00Z"}}"#).len())
        .sum();
    let read = of("azud_source_read_bytes_total", &[("node", "in")]);
    assert!(
        read >= bytes as f64 && read <= (bytes + 60) as f64,
        "{read} of {bytes}"
    );
    pipeline.drain();
}
