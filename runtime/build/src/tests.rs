use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::{BuildError, World, build, component, package::Package, stamp};

const CDYLIB: &str = "[lib]\ncrate-type = [\"cdylib\"]\n";

fn parse(text: &str) -> Result<Package, String> {
    let error = |error: BuildError| error.to_string();
    Package::parse(text, Path::new("Cargo.toml"), PathBuf::new()).map_err(error)
}

#[test]
fn the_name_is_the_packages_not_the_librarys() {
    let manifest = "[workspace]\n\n[package]\nversion = \"1\"\nname = \"split-words\" # the name\n[lib]\nname = \"x\"\ncrate-type = [\"cdylib\", \"lib\"]\n";
    assert_eq!(parse(manifest).unwrap().name, "split-words");
    let nameless = parse("[lib]\nname = \"x\"\n").unwrap_err();
    assert_eq!(nameless, "Cargo.toml has no `name` under [package]");
}

#[test]
fn the_world_decides_the_target() {
    for (said, world, target) in [
        ("", None, "wasm32-unknown-unknown"),
        ("[package.metadata.azud]\n", None, "wasm32-unknown-unknown"),
        (
            "[package.metadata.azud]\nworld = \"transform\"\n",
            Some(World::Transform),
            "wasm32-unknown-unknown",
        ),
        (
            "[package.metadata]\nazud = { world = 'aggregate' }\n",
            Some(World::Aggregate),
            "wasm32-unknown-unknown",
        ),
        (
            "metadata.azud.world = \"sink\"\n",
            Some(World::Sink),
            "wasm32-wasip2",
        ),
    ] {
        let package = parse(&format!("[package]\nname = \"a\"\n{said}{CDYLIB}")).unwrap();
        assert_eq!(package.world, world, "{said}");
        assert_eq!(package.world().target(), target, "{said}");
    }
}

#[test]
fn what_the_package_says_wrongly_is_refused_before_cargo_runs() {
    for (said, error) in [
        (
            "metadata.azud.world = \"sinks\"\n",
            "Cargo.toml: unknown world `sinks` under [package.metadata.azud]; known are `transform`, `keyed`, `aggregate`, `sink`",
        ),
        (
            "metadata.azud.world = 2\n",
            "Cargo.toml: unknown world `2` under [package.metadata.azud]; known are `transform`, `keyed`, `aggregate`, `sink`",
        ),
        (
            "metadata.azud.wrold = \"sink\"\n",
            "Cargo.toml: unknown key `wrold` under [package.metadata.azud]; it has `world`",
        ),
        (
            "metadata.azud = \"sink\"\n",
            "Cargo.toml: [package.metadata.azud] is a table with the key `world`",
        ),
    ] {
        let manifest = format!("[package]\nname = \"a\"\n{said}{CDYLIB}");
        assert_eq!(parse(&manifest).unwrap_err(), error);
    }
    let no_module = "Cargo.toml makes no WebAssembly module: add `crate-type = [\"cdylib\", \"lib\"]` under [lib]";
    for lib in [
        "",
        "[lib]\nname = \"x\"\n",
        "[lib]\ncrate-type = [\"lib\"]\n",
    ] {
        let manifest = format!("[package]\nname = \"a\"\n{lib}");
        assert_eq!(parse(&manifest).unwrap_err(), no_module);
    }
    let broken = parse("[package\nname = \"a\"\n").unwrap_err();
    let start = "Cargo.toml: TOML parse error at line 1, column 9";
    assert!(broken.starts_with(start), "{broken}");
}

#[test]
fn a_component_must_be_what_its_package_says() {
    use World::{Aggregate, Sink, Transform};
    for (exports, said) in [
        (&[Transform][..], None),
        (&[Transform], Some(Transform)),
        (&[Aggregate], None),
        (&[Sink], Some(Sink)),
    ] {
        assert_eq!(component::fits(exports, said), Ok(()));
    }
    for (exports, said, why) in [
        (
            &[][..],
            Some(Sink),
            "it exports none; write `azud_plugin::transform!(Type)` or `azud_plugin::sink!(Type)`",
        ),
        (
            &[Sink],
            None,
            "it exports a sink: write `world = \"sink\"` under [package.metadata.azud] in its Cargo.toml",
        ),
        (
            &[Transform],
            Some(Sink),
            "it exports a transform, and [package.metadata.azud] in its Cargo.toml says `world = \"sink\"`",
        ),
    ] {
        assert_eq!(component::fits(exports, said), Err(why.into()));
    }
}

#[test]
fn a_cargo_without_network_is_told_from_a_source_with_mistakes() {
    let of = |said: &str| BuildError::of_cargo("/p".into(), said.as_bytes());
    let offline = of("error: failed to download `itoa v1.0.18`\n");
    assert!(matches!(offline, BuildError::Fetch { .. }));
    assert_eq!(
        offline.brief(),
        "cannot fetch the crates that /p depends on; is there a network? once they are fetched, none is needed"
    );
    let mistake = of("error: \"failed to download\"\nerror: could not compile `p`\n");
    assert!(matches!(mistake, BuildError::Compile { .. }));
    assert_eq!(mistake.brief(), "building /p failed");
    let linker = of("error: linker `cc` not found\nerror: could not compile `serde`\n");
    assert_eq!(
        linker.brief(),
        "building /p needs a C compiler: install one, so that `cc` is found"
    );
}

#[test]
fn a_folder_without_a_package_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = build(folder.path(), None).unwrap_err();
    let path = folder.path().display();
    assert_eq!(
        error.to_string(),
        format!("{path} has no Cargo.toml: a plugin's source is a folder with a Rust package")
    );
    let error = build(&folder.path().join("gone"), None).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{path}/gone is not there: a plugin's source is a folder with a Rust package")
    );
    fs::write(folder.path().join("Cargo.toml"), "").unwrap();
    let error = build(&folder.path().join("Cargo.toml"), None).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{path}/Cargo.toml is a file: name the folder of the plugin's Rust package")
    );
}

#[test]
fn inputs_are_the_compilers_list_and_the_manifests_above() {
    let folder = tempfile::tempdir().unwrap();
    let dependency = folder.path().join("my sdk");
    fs::create_dir_all(dependency.join("src")).unwrap();
    fs::write(dependency.join("Cargo.toml"), "").unwrap();
    let source = dependency.join("src/lib.rs");
    let dep_info = format!(
        "/target/x.wasm: /plugin/src/lib.rs {}\n",
        source.display().to_string().replace(' ', "\\ ")
    );
    let inputs = stamp::inputs(&dep_info, Path::new("/plugin"));
    for file in [
        source.as_path(),
        &dependency.join("Cargo.toml"),
        Path::new("/plugin/src/lib.rs"),
        Path::new("/plugin/Cargo.lock"),
    ] {
        assert!(inputs.contains(file), "{inputs:?}");
    }
}

#[test]
fn a_stamp_is_stale_when_any_input_changes_comes_or_goes() {
    let folder = tempfile::tempdir().unwrap();
    let [component, stamp, input, later] =
        ["a.wasm", "a.stamp", "in.rs", "Cargo.lock"].map(|name| folder.path().join(name));
    fs::write(&component, "component").unwrap();
    fs::write(&input, "one").unwrap();
    let inputs = BTreeSet::from([input.clone(), later.clone()]);
    let fresh = stamp::of(&component, folder.path(), &inputs);
    fs::write(&stamp, &fresh).unwrap();
    let is_current =
        |stamp: &Path, component: &Path| stamp::is_current(stamp, component, folder.path());
    // A copy of the folder has its own sources.
    assert!(!stamp::is_current(&stamp, &component, Path::new("/copy")));
    assert!(is_current(&stamp, &component));

    fs::write(&input, "two").unwrap();
    assert!(!is_current(&stamp, &component));
    fs::write(&input, "one").unwrap();
    assert!(is_current(&stamp, &component));

    fs::write(&later, "locked").unwrap();
    assert!(!is_current(&stamp, &component));
    fs::remove_file(&later).unwrap();

    fs::write(&component, "damaged").unwrap();
    assert!(!is_current(&stamp, &component));
    fs::write(&component, "component").unwrap();

    fs::write(&stamp, &fresh[..fresh.len() - 3]).unwrap();
    assert!(!is_current(&stamp, &component));
}

#[test]
fn what_the_compiler_says_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(
        folder.path().join("Cargo.toml"),
        "[package]\nname = \"broken\"\nedition = \"2024\"\n[workspace]\n[lib]\ncrate-type = [\"cdylib\"]\n",
    )
    .unwrap();
    fs::write(folder.path().join("src/lib.rs"), "fn broken( {}").unwrap();
    let Err(BuildError::Compile { output, .. }) = build(folder.path(), None) else {
        panic!("it was built")
    };
    assert!(output.contains("src/lib.rs:1"), "{output}");
}
