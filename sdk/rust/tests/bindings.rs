//! The bindings of the contract are generated and committed: a plugin's build
//! needs neither the generator nor the thirty crates below it.

use std::{env, fs, path::Path};

use wit_bindgen_core::{Files, WorldGenerator as _, wit_parser::Resolve};
use wit_bindgen_rust::Opts;

/// `BLESS=1 cargo test` writes them anew, after the contract or the version of
/// wit-bindgen has changed.
#[test]
fn the_bindings_are_what_the_contract_gives() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root.join("wit")).unwrap();
    let world = resolve
        .select_world(&[package], Some("transform-plugin"))
        .unwrap();
    let options = Opts {
        format: true,
        pub_export_macro: true,
        default_bindings_module: Some("azud_plugin::guest::bindings".to_owned()),
        ..Opts::default()
    };
    let mut files = Files::default();
    options
        .build()
        .generate(&mut resolve, world, &mut files)
        .unwrap();
    let (_, generated) = files.iter().next().unwrap();
    let generated = std::str::from_utf8(generated).unwrap();
    let path = root.join("src/guest/bindings.rs");
    if env::var_os("BLESS").is_some() {
        fs::write(&path, generated).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap() == generated,
        "src/guest/bindings.rs is out of date: BLESS=1 cargo test --test bindings"
    );
}
