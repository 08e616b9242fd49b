//! Instances that come and go leave nothing behind. A process of its own: tests
//! beside it would hold memory of theirs.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test")]

use std::{path::Path, sync::Arc};

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use azud_sandbox::{Limits, Plugin, Sandbox, Settings, Silent, Transform};

#[test]
fn ten_thousand_instances_leave_no_memory_behind() {
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests/echo");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests");
    let builder = azud_build::Builder::new().target_dir(target);
    let sandbox = Sandbox::new(Settings::default()).unwrap();
    let plugin = Plugin::load(&sandbox, &builder.build(&guest).unwrap(), None).unwrap();
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
    let rows = RecordBatch::try_from_iter([("n", column)]).unwrap();

    let cycle = |times: usize| {
        for _ in 0..times {
            let (schema, limits) = (rows.schema(), Limits::default());
            let opened = Transform::open(&plugin, "{}", &schema, limits, Arc::new(Silent));
            opened.unwrap().process(&rows).unwrap();
        }
    };
    cycle(100);
    let before = resident();
    cycle(10_000);
    let grown = resident().saturating_sub(before) >> 20;
    assert!(grown < 32, "{grown} MiB more after 10,000 instances");
}

/// Bytes of this process that are in memory.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.unwrap().split_whitespace().next().unwrap();
    kib.parse::<usize>().unwrap() << 10
}
