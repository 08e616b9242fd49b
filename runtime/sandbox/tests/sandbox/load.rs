//! Files that are no plugins, each with its message.

use azud_sandbox::{Plugin, World};

use crate::support::{guest, plugin, sandbox};

fn refusal(bytes: &[u8]) -> String {
    Plugin::from_bytes(sandbox(), "x.wasm", bytes, None)
        .unwrap_err()
        .to_string()
}

#[test]
fn what_is_no_component_is_refused() {
    assert_eq!(refusal(b""), "the plugin x.wasm is empty; build it again");
    assert_eq!(
        refusal(b"#!/bin/sh\n"),
        "x.wasm is no WebAssembly file; a plugin is a component: with `source:` instead of `path:`, azud builds one"
    );
    assert_eq!(
        refusal(b"\0asm"),
        "x.wasm is no WebAssembly file; a plugin is a component: with `source:` instead of `path:`, azud builds one"
    );
    assert_eq!(
        refusal(b"\0asm\x01\0\0\0"),
        "x.wasm is a core module, not a component; name its crate with `source:` and azud makes one, or use `wasm-tools component new`"
    );
    let error = refusal(b"\0asm\x0d\0\x01\0garbage");
    assert!(
        error.starts_with("x.wasm is not a valid component: "),
        "{error}"
    );
}

#[test]
fn a_component_of_something_else_is_refused() {
    assert_eq!(
        refusal(b"\0asm\x0d\0\x01\0"),
        "x.wasm is no azud plugin: it exports nothing; a plugin exports azud:plugin/transform@0.1.0"
    );
    let mut other = std::fs::read(guest("hostile")).unwrap();
    rename(
        &mut other,
        b"azud:plugin/transform@0.1.0",
        b"azud:plugin/transform@0.9.0",
    );
    assert_eq!(
        refusal(&other),
        "x.wasm exports azud:plugin/transform@0.9.0, this host supports version 0.1.0: \
         build the plugin with an SDK of that version"
    );
    let mut other = std::fs::read(guest("hostile")).unwrap();
    rename(
        &mut other,
        b"azud:plugin/log@0.1.0",
        b"evil:plugin/log@0.1.0",
    );
    assert_eq!(
        refusal(&other),
        "x.wasm needs evil:plugin/log@0.1.0, which azud has not; a plugin may import azud:plugin/log and WASI 0.2"
    );
}

#[test]
fn a_truncated_component_is_refused() {
    let whole = std::fs::read(guest("hostile")).unwrap();
    for length in (9..whole.len()).step_by(whole.len() / 50) {
        assert!(
            Plugin::from_bytes(sandbox(), "x.wasm", &whole[..length], None).is_err(),
            "{length}"
        );
    }
}

#[test]
fn the_digest_is_checked() {
    let path = guest("hostile");
    let plugin = plugin("hostile");
    assert_eq!(
        (plugin.digest().len(), plugin.world()),
        (64, World::Transform)
    );
    assert!(Plugin::load(sandbox(), &path, Some(&plugin.digest().to_uppercase())).is_ok());
    let error = Plugin::load(sandbox(), &path, Some("00"))
        .unwrap_err()
        .to_string();
    let expected = format!(
        "has the sha256 {}, the manifest says 00; build or fetch it again, or change `sha256:`",
        plugin.digest()
    );
    assert!(error.ends_with(&expected), "{error}");
}

#[test]
fn a_missing_file_is_named() {
    let error = Plugin::load(sandbox(), "none.wasm".as_ref(), None)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "cannot read the plugin none.wasm: No such file or directory (os error 2)"
    );
}

fn rename(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let places: Vec<_> = bytes
        .windows(from.len())
        .enumerate()
        .filter(|(_, window)| *window == from)
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty());
    for at in places {
        bytes
            .get_mut(at..at + to.len())
            .unwrap()
            .copy_from_slice(to);
    }
}
