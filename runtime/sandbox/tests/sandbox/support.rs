//! Guests, built from source, and what they run on.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
};

use arrow::{
    array::{ArrayRef, Int64Array, RecordBatch, StringArray},
    datatypes::{Field, Schema},
};
use azud_sandbox::{Level, Limits, Logger, Plugin, Sandbox, Settings, Transform};

/// The component of a guest in `tests/guests`, built when it is out of date.
pub(crate) fn guest(name: &str) -> PathBuf {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests");
    // Not the folder of the build that runs this test: it would wait for itself.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests");
    azud_build::Builder::new()
        .target_dir(target)
        .build(&guests.join(name))
        .unwrap()
}

pub(crate) fn sandbox() -> &'static Sandbox {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    SANDBOX.get_or_init(|| Sandbox::new(Settings::default()).unwrap())
}

pub(crate) fn plugin(name: &'static str) -> Plugin {
    static LOADED: Mutex<Vec<(&str, Plugin)>> = Mutex::new(Vec::new());
    let mut loaded = LOADED.lock().unwrap();
    if let Some((_, plugin)) = loaded.iter().find(|(of, _)| *of == name) {
        return plugin.clone();
    }
    let plugin = Plugin::load(sandbox(), &guest(name), None).unwrap();
    loaded.push((name, plugin.clone()));
    plugin
}

/// The log, for tests to read.
#[derive(Default)]
pub(crate) struct Lines(pub(crate) Mutex<Vec<(Level, String)>>);

impl Logger for Lines {
    fn takes(&self, _: Level) -> bool {
        true
    }

    fn log(&self, level: Level, line: &str) {
        self.0.lock().unwrap().push((level, line.into()));
    }
}

/// `rows` rows of a number and a text.
pub(crate) fn batch(rows: usize) -> RecordBatch {
    let numbers = Int64Array::from_iter_values(0..rows as i64);
    let texts = StringArray::from_iter_values((0..rows).map(|row| format!("año {row}")));
    table([("n", Arc::new(numbers) as ArrayRef), ("s", Arc::new(texts))])
}

pub(crate) fn table<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), true))
        .collect();
    RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns.into_iter().map(|(_, column)| column).collect(),
    )
    .unwrap()
}

/// The hostile guest, told how to misbehave, on the columns of `batch`.
pub(crate) fn hostile(switch: &str, limits: Limits) -> Result<Transform, azud_sandbox::OpenError> {
    Transform::open(
        &plugin("hostile"),
        switch,
        &batch(0).schema(),
        limits,
        Arc::new(Lines::default()),
    )
}
