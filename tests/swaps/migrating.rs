//! A plugin whose versions keep other states, in a pipeline that is asked for them: what goes the
//! same way whatever the states are of.

use std::process::Command;
use std::time::Duration;

use crate::change::apply;
use crate::pipeline::{Asked, Folder, Pipeline};

/// A manifest, and the component of its plugin beside it.
pub(crate) struct Migrating {
    pub(crate) folder: Folder,
    manifest: String,
    plugin: &'static str,
    version: fn(&str) -> Vec<u8>,
}

// === impl Migrating ===

impl Migrating {
    /// The plugin is at `<plugin>.wasm`, in its first version.
    pub(crate) fn new(
        manifest: impl Into<String>,
        plugin: &'static str,
        version: fn(&str) -> Vec<u8>,
    ) -> Self {
        let manifest = manifest.into();
        let migrating = Self {
            folder: Folder::new(&manifest),
            manifest,
            plugin,
            version,
        };
        migrating.put("1");
        migrating
    }

    /// Another version is there for whoever starts.
    pub(crate) fn put(&self, version: &str) {
        let name = format!("{}.wasm", self.plugin);
        self.folder.write(&name, &(self.version)(version));
    }

    /// Another version takes over by the manifest.
    pub(crate) fn change(&self, pipeline: &Pipeline<'_>, version: &str) -> Asked {
        self.change_in(pipeline, version, &self.manifest)
    }

    fn change_in(&self, pipeline: &Pipeline<'_>, version: &str, manifest: &str) -> Asked {
        self.put(version);
        apply(pipeline, &self.folder, manifest, &[])
    }

    /// The same node with another component only: it keeps other states.
    #[track_caller]
    pub(crate) fn assert_not_reloaded(&self, pipeline: &Pipeline<'_>, node: &str, told: &str) {
        let refused = pipeline.reload(node, &(self.version)("2"));
        assert_eq!(refused.code, Some(2), "{}", refused.text);
        let how = "; it converts them where a manifest names it: `azud apply`";
        assert!(
            refused.text.contains(told) && refused.text.contains(how),
            "{}",
            refused.text
        );
    }

    /// The second and the third version take over, in other numbers of lanes: this was planned, and
    /// there is no way back. Answers how long each took.
    #[track_caller]
    pub(crate) fn assert_converts(&self, pipeline: &Pipeline<'_>) -> Vec<Duration> {
        self.put("2");
        let mut plan = Command::new(env!("CARGO_BIN_EXE_azud"));
        plan.arg("plan").arg(self.folder.path("pipeline.yaml"));
        let plan = plan
            .args(["--against", &pipeline.address()])
            .output()
            .unwrap();
        let planned = String::from_utf8(plan.stdout).unwrap();
        assert_eq!(plan.status.code(), Some(0), "{planned}");
        assert!(planned.contains("its states are converted"), "{planned}");

        let mut took = Vec::new();
        for (version, lanes) in [("2", 2), ("3", 3)] {
            let lanes = format!("parallelism: {lanes}");
            let manifest = self.manifest.replace("parallelism: 2", &lanes);
            let asked = self.change_in(pipeline, version, &manifest);
            assert_eq!(asked.code, Some(0), "{}", asked.text);
            pipeline.wait_for("its states are converted");
            took.push(asked.took);
            pipeline.wait_for_an_epoch();
        }
        took
    }

    /// A version of which nothing that is kept can be converted.
    #[track_caller]
    pub(crate) fn assert_cannot(&self, pipeline: &Pipeline<'_>, version: &str, told: &[&str]) {
        let asked = self.change(pipeline, version);
        assert_eq!(asked.code, Some(2), "{}", asked.text);
        for told in told {
            assert!(asked.text.contains(told), "{}", asked.text);
        }
    }

    /// A version whose migration fails so is taken back: its text says of whom, and how.
    #[track_caller]
    pub(crate) fn assert_fails(&self, pipeline: &Pipeline<'_>, how: &str, told: &[&str]) {
        let asked = self.change(pipeline, &format!("2 {how}"));
        assert_eq!(asked.code, Some(1), "{how}: {}", asked.text);
        let end = "; they are as they were: go on with the version before, or correct `migrate`";
        for told in told.iter().chain(&[end]) {
            assert!(asked.text.contains(told), "{how}: {}", asked.text);
        }
    }

    /// Kills it where nothing of the new version is recorded: it converts the same again.
    pub(crate) fn crash_before_the_first_record(&self) {
        // While data flows.
        let folder = &self.folder;
        let pipeline = folder.run(&[], &[("AZUD_KILL_AT", "before-record-of-change:1")]);
        pipeline.wait_for_rows();
        self.change(&pipeline, "2");
        pipeline.ended(None);
        // At the next start, with all of the new states in files, and then without a crash.
        let pipeline = folder.run(&[], &[("AZUD_KILL_AT", "before-record:1")]);
        pipeline.wait_for("its states are converted");
        pipeline.ended(None);
        let pipeline = folder.run(&[], &[]);
        pipeline.wait_for("its states are converted");
        pipeline.wait_for_an_epoch();
        pipeline.drain();
        // What is recorded is the new version's: there is nothing to convert.
        let manifest = self.manifest.replace("parallelism: 2", "parallelism: 4");
        folder.write("pipeline.yaml", manifest.as_bytes());
        let pipeline = folder.run(&[], &[]);
        pipeline.wait_for("goes on after epoch");
        pipeline.wait_for_an_epoch();
        let told = pipeline.drain();
        assert!(
            !told.iter().any(|line| line.contains("converted")),
            "{told:#?}"
        );
    }
}

/// Runs the manifest to its end.
pub(crate) fn run_once(folder: &Folder) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azud"));
    let output = command
        .arg("run")
        .arg(folder.path("pipeline.yaml"))
        .output();
    let output = output.unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}
