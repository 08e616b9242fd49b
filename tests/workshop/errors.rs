//! What goes wrong, in the words that a newcomer reads.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::{Bench, Said, without_log};

const CARGO: &str = "\
[package]
name = \"tiny\"
edition = \"2024\"

[workspace]

[lib]
crate-type = [\"cdylib\"]
";

/// A package without dependencies.
fn tiny(source: &str) -> Bench {
    let bench = Bench::new();
    bench.write("tiny/Cargo.toml", CARGO);
    bench.write("tiny/src/lib.rs", source);
    bench
}

/// A program in `bin` that is found in the place of a real one.
fn fake(bench: &Bench, program: &str, script: &str) {
    let path = format!("bin/{program}");
    bench.write(&path, &format!("#!/bin/sh\n{script}\n"));
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(bench.path(&path), mode).unwrap();
}

#[test]
fn a_name_that_cannot_be_is_told_with_the_reason() {
    let bench = Bench::new();
    for (command, error) in [
        (
            "new plugin 9lives",
            "`9lives` cannot name a plugin: it begins with `9`, not with a letter of a to z or `_`",
        ),
        (
            "new plugin dir/my.filter",
            "`my.filter` cannot name a plugin: it has `.` in it; a name has letters of a to z, digits, `_` and `-`",
        ),
        (
            "new plugin serde",
            "`serde` cannot name a plugin: a crate that plugins depend on has that name; another would do, as `serde_plugin`",
        ),
        (
            "new pipeline /",
            "`/` cannot name a pipeline: it is no new folder; write one, as in `azud new pipeline my_pipeline`",
        ),
    ] {
        assert_eq!(bench.refused("", command), format!("error: {error}\n"));
    }
    let left = fs::read_dir(bench.path("")).unwrap().count();
    assert_eq!(left, 0, "nothing was made");
}

#[test]
fn a_folder_with_something_in_it_is_left_alone() {
    let bench = Bench::new();
    bench.write("taken/file", "");
    bench.write("file", "");
    let there = "error: taken is there already, and not empty; choose another name\n";
    assert_eq!(bench.refused("", "new plugin taken"), there);
    assert_eq!(bench.refused("", "new pipeline taken"), there);
    assert_eq!(
        bench.refused("", "new pipeline file"),
        "error: cannot make the folder file: a file of that name is there; choose another name\n"
    );
    assert_eq!(
        bench.refused("", "new pipeline file/below"),
        "error: cannot make the folder file/below: Not a directory (os error 20)\n"
    );
    // An empty one will do, also as `.`.
    fs::create_dir(bench.path("empty")).unwrap();
    let wrote = bench.ok("empty", "new pipeline .");
    assert!(wrote.starts_with("wrote .\n"), "{wrote}");
    assert!(
        bench
            .read("empty/pipeline.yaml")
            .contains("\nname: empty\n")
    );
}

#[test]
fn what_is_no_package_of_a_plugin_is_told_before_anything_is_compiled() {
    let bench = tiny("");
    bench.write("empty/file", "");
    bench.write("no-module/Cargo.toml", "[package]\nname = \"a\"\n");
    let unknown = format!("{CARGO}\n[package.metadata.azud]\nworld = \"sinks\"\n");
    bench.write("unknown/Cargo.toml", &unknown);
    bench.write("taken/Cargo.toml", CARGO);
    bench.write("taken/target", "a file");
    let taken = bench.real("taken/target/azud");
    for (folder, error) in [
        (
            "gone",
            "gone is not there: a plugin's source is a folder with a Rust package".into(),
        ),
        (
            "empty",
            "empty has no Cargo.toml: a plugin's source is a folder with a Rust package".into(),
        ),
        (
            "tiny/src/lib.rs",
            "tiny/src/lib.rs is a file: name the folder of the plugin's Rust package".into(),
        ),
        (
            "no-module",
            "no-module/Cargo.toml makes no WebAssembly module: add `crate-type = [\"cdylib\", \"lib\"]` under [lib]".into(),
        ),
        (
            "unknown",
            "unknown/Cargo.toml: unknown world `sinks` under [package.metadata.azud]; known are `transform`, `keyed`, `aggregate`, `sink`".into(),
        ),
        (
            "taken",
            format!("cannot write to {taken}: Not a directory (os error 20); what is built goes there: make it writable, or copy the plugin's folder to where you may write"),
        ),
    ] {
        let told = bench.refused("", &format!("build {folder}"));
        assert_eq!(told, format!("error: {error}\n"));
    }
}

#[test]
fn what_the_compiler_says_comes_as_it_says_it() {
    let bench = tiny("pub fn broken() -> u32 { \"text\" }\n");
    let told = bench.refused("", "build tiny");
    let path = bench.real("tiny");
    let mistake = "error[E0308]: mismatched types\n --> src/lib.rs:1:26\n";
    assert_eq!(told.matches(mistake).count(), 1, "once: {told}");
    assert!(
        told.ends_with(&format!("error: building {path} failed\n")),
        "{told}"
    );

    bench.write("tiny/src/lib.rs", "// nothing\n");
    let told = bench.refused("", "build tiny");
    let none = format!(
        "error: {path} is no plugin: it exports none; write `azud_plugin::transform!(Type)` or `azud_plugin::sink!(Type)`\n"
    );
    assert!(told.ends_with(&none), "{told}");
}

#[test]
fn without_rust_it_says_where_to_get_it() {
    let bench = tiny("");
    let build = |bench: &Bench| {
        let mut azud = bench.command("", "build tiny");
        let said = Said::of(azud.env("PATH", bench.path("bin")).output().unwrap());
        assert_eq!(said.code, Some(2));
        without_log(&said.stderr)
    };
    let gone = "No such file or directory (os error 2)";
    assert_eq!(
        build(&bench),
        format!(
            "error: cannot run rustc: {gone}; install Rust with rustup (https://rustup.rs), or use `path:` with a built plugin\n"
        )
    );
    let mut new = bench.command("", "new plugin my_filter");
    let said = Said::of(new.env("PATH", bench.path("bin")).output().unwrap());
    assert_eq!(
        said.stderr,
        " WARN cargo is not there: install Rust with rustup (https://rustup.rs) before these commands\n"
    );

    // A Rust without the target, first without rustup, then with one that has no network.
    fake(&bench, "rustc", "echo /nowhere");
    let adding = "adding the Rust target wasm32-unknown-unknown (rustup target add wasm32-unknown-unknown)\n";
    let missing = "error: the Rust target wasm32-unknown-unknown is missing";
    assert_eq!(
        build(&bench),
        format!(
            "{adding}{missing}, and rustup, which adds it, cannot be run: {gone}; install Rust with rustup (https://rustup.rs)\n"
        )
    );
    fake(&bench, "rustup", "echo \"$@: no network\" >&2; exit 1");
    assert_eq!(
        build(&bench),
        format!(
            "{adding}{missing} and `rustup target add wasm32-unknown-unknown` failed; is there a network?\ntarget add wasm32-unknown-unknown: no network\n"
        )
    );
}

#[test]
fn without_network_it_says_what_is_missing() {
    let bench = Bench::new();
    bench.ok("", "new plugin my_filter");
    let mut azud = bench.command("", "build my_filter");
    azud.env("CARGO_HOME", bench.path("home"))
        .env("CARGO_NET_OFFLINE", "true");
    let said = Said::of(azud.output().unwrap());
    let path = bench.real("my_filter");
    let last = format!(
        "error: cannot fetch the crates that {path} depends on; is there a network? once they are fetched, none is needed\n"
    );
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.ends_with(&last), "{}", said.stderr);
}
