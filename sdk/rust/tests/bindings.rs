//! The bindings of the contract are generated and committed: a plugin's build
//! needs neither the generator nor the thirty crates below it.

use std::{env, fs, path::Path};

use wit_bindgen_core::{Files, WorldGenerator as _, wit_parser::Resolve};
use wit_bindgen_rust::{Opts, WithOption};

/// `BLESS=1 cargo test` writes them anew, after the contract or the version of
/// wit-bindgen has changed.
#[test]
fn the_bindings_are_what_the_contract_gives() {
    check("transform-plugin", "bindings", Vec::new());
}

/// What both worlds have is in the bindings of the first: a plugin logs, and reads
/// batches, in one way.
#[test]
fn the_bindings_of_a_sink_are_what_the_contract_gives() {
    let shared = ["log", "types"].map(|interface| {
        (
            format!("azud:plugin/{interface}@0.1.0"),
            WithOption::Path(format!("crate::guest::bindings::azud::plugin::{interface}")),
        )
    });
    check("sink-plugin", "sink_bindings", shared.into());
}

fn check(world: &str, module: &str, with: Vec<(String, WithOption)>) {
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
    let generated = std::str::from_utf8(generated).unwrap();
    let path = root.join(format!("src/guest/{module}.rs"));
    if env::var_os("BLESS").is_some() {
        fs::write(&path, generated).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == generated,
        "src/guest/{module}.rs is out of date: BLESS=1 cargo test --test bindings"
    );
}
