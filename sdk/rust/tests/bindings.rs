//! The bindings of the contract are generated and committed: a plugin's build
//! needs neither the generator nor the thirty crates below it.

use std::{env, fs, path::Path};

use wit_bindgen_core::{Files, WorldGenerator as _, wit_parser::Resolve};
use wit_bindgen_rust::{Opts, WithOption};

/// `BLESS=1 cargo test` writes them anew, after the contract or the version of
/// wit-bindgen has changed.
#[test]
fn the_bindings_are_what_the_contract_gives() {
    check("transform-plugin", "bindings", Vec::new(), str::to_owned);
}

/// What all worlds have is in the bindings of the first: a plugin logs, and reads
/// batches, in one way.
#[test]
fn the_bindings_of_sinks_are_what_the_contract_gives() {
    check(
        "transactional-sink-plugin",
        "sink_bindings",
        shared(),
        str::to_owned,
    );
}

#[test]
fn the_bindings_of_aggregates_are_what_the_contract_gives() {
    check(
        "migrating-aggregate-plugin",
        "aggregate_bindings",
        shared(),
        str::to_owned,
    );
}

#[test]
fn the_bindings_of_keyed_plugins_are_what_the_contract_gives() {
    check(
        "migrating-keyed-plugin",
        "keyed_bindings",
        shared(),
        str::to_owned,
    );
}

/// A sink without transactions exports less of the same: it needs the macro alone,
/// which takes the types from the bindings above.
#[test]
fn the_macro_of_plain_sinks_is_what_the_contract_gives() {
    check("sink-plugin", "sink_macro", shared(), only_macro);
}

/// The same of plugins with state that do not migrate.
#[test]
fn the_macro_of_plain_keyed_plugins_is_what_the_contract_gives() {
    check("keyed-plugin", "keyed_macro", shared(), only_macro);
}

/// And of aggregates that do not.
#[test]
fn the_macro_of_plain_aggregates_is_what_the_contract_gives() {
    check("aggregate-plugin", "aggregate_macro", shared(), only_macro);
}

fn only_macro(generated: &str) -> String {
    let exports =
        generated.find("#[rustfmt::skip]\n#[allow(dead_code, clippy::all)]\npub mod exports");
    let rest = generated.find("/// Generates `#[unsafe(no_mangle)]` functions");
    let after = generated.find("#[rustfmt::skip]\n#[cfg(target_arch = \"wasm32\")]\n#[unsafe(");
    let (head, _) = generated.split_at(exports.unwrap());
    let uses = head.find("#[allow(unfulfilled_lint_expectations").unwrap();
    format!(
        "{}{}",
        &head[..uses],
        &generated[rest.unwrap()..after.unwrap()]
    )
}

fn shared() -> Vec<(String, WithOption)> {
    let shared = ["log", "types"].map(|interface| {
        (
            format!("azud:plugin/{interface}@0.1.0"),
            WithOption::Path(format!("crate::guest::bindings::azud::plugin::{interface}")),
        )
    });
    shared.into()
}

fn check(
    world: &str,
    module: &str,
    with: Vec<(String, WithOption)>,
    keep: impl FnOnce(&str) -> String,
) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root.join("wit")).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    let options = Opts {
        format: true,
        pub_export_macro: true,
        default_bindings_module: Some(format!("azud_plugin::guest::{module}")),
        with,
        ..Opts::default()
    };
    let mut files = Files::default();
    options
        .build()
        .generate(&mut resolve, world, &mut files)
        .unwrap();
    let (_, generated) = files.iter().next().unwrap();
    let generated = keep(std::str::from_utf8(generated).unwrap());
    let path = root.join(format!("src/guest/{module}.rs"));
    if env::var_os("BLESS").is_some() {
        fs::write(&path, &generated).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == generated,
        "src/guest/{module}.rs is out of date: BLESS=1 cargo test --test bindings"
    );
}
