//! The pipeline of a case: an evil node, what reads it, and a good one beside it.

use std::fmt::Write as _;

use crate::support::{Case, Kind, component};

// === impl Case ===

impl Case {
    pub(super) fn manifest(&self) -> String {
        let (transforms, sinks) = self.evil();
        let times = match self.kind {
            Kind::Keyed => ", at: timestamp }, time: { column: at }",
            Kind::Transform | Kind::Sink | Kind::Aggregate => " }",
        };
        let (select, told) = match self.reads_rejected {
            true => (
                "  told: { sql: 'SELECT position, reason FROM `evil.rejected`' }\n",
                "  told_out: { from: told, file: { path: ./told }, format: json }\n",
            ),
            false => ("", ""),
        };
        let checkpoint = match self.has_checkpoint() {
            true => "checkpoint: { to: ./state }\n",
            false => "",
        };
        let mut manifest = format!(
            "name: evil\ntrigger: once\nparallelism: 1\n{checkpoint}sources:\n  numbers: {{ file: {{ path: ./in, \
             max_files: 1 }}, format: json, schema: {{ n: bigint{times} }}\ntransforms:\n{transforms}  \
             good: {{ sql: 'SELECT n * 2 AS n FROM numbers' }}\n{select}sinks:\n{sinks}{told}  good_out: \
             {{ from: good, file: {{ path: ./good }}, format: json }}\nplugins:\n"
        );
        let config = match self.kind {
            Kind::Aggregate => format!(", {}", self.config()),
            Kind::Transform | Kind::Sink | Kind::Keyed => String::new(),
        };
        let grants = match self.grants.as_str() {
            "" => String::new(),
            grants => format!(", grants: {{ {grants} }}"),
        };
        writeln!(
            manifest,
            "  evil: {{ path: '{}', limits: {{ memory: {}MiB, {} }}{config}{grants} }}",
            component().display(),
            self.memory >> 20,
            self.limits
        )
        .unwrap();
        manifest
    }

    /// The transforms and the sinks that the evil node is among.
    fn evil(&self) -> (String, String) {
        let Self {
            on_error, max_rows, ..
        } = self;
        let node = format!(
            "plugin: evil, on_error: {on_error}, max_rows: {max_rows}, {}",
            self.config()
        );
        let came = |mode: &str| {
            format!("  came: {{ from: evil, file: {{ path: ./came }}, format: json{mode} }}\n")
        };
        match self.kind {
            Kind::Transform => (format!("  evil: {{ from: numbers, {node} }}\n"), came("")),
            Kind::Sink => (
                String::new(),
                format!("  evil: {{ from: numbers, {node} }}\n"),
            ),
            Kind::Keyed => (
                format!(
                    "  keys: {{ sql: 'SELECT n, n % 4 AS k, at FROM numbers' }}\n  evil: {{ from: keys, \
                     key: [k], {node} }}\n"
                ),
                came(""),
            ),
            Kind::Aggregate => (
                format!(
                    "  evil: {{ on_error: {on_error}, sql: 'SELECT n % 4 AS n, evil(n) AS said, count(*) AS \
                     rows FROM numbers GROUP BY n % 4' }}\n"
                ),
                came(", mode: complete"),
            ),
        }
    }

    fn config(&self) -> String {
        let Self { place, how, to, .. } = self;
        format!("config: {{ where: {place}, how: '{how}', to: '{to}' }}")
    }
}
