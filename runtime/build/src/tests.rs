use std::{collections::BTreeSet, fs, path::Path};

use crate::{BuildError, build, package, stamp};

#[test]
fn the_name_is_the_packages_not_the_librarys() {
    let manifest = "[workspace]\n\n[package]\nversion = \"1\"\nname = \"split-words\" # the name\n[lib]\nname = \"x\"\n";
    assert_eq!(package::name(manifest).as_deref(), Some("split-words"));
    assert_eq!(package::name("[lib]\nname = \"x\"\n"), None);
}

#[test]
fn a_folder_without_a_package_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = build(folder.path(), None).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{} has no Cargo.toml: a plugin's source is a folder with a Rust package",
            folder.path().display()
        )
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
    let fresh = stamp::of(&component, &BTreeSet::from([input.clone(), later.clone()]));
    fs::write(&stamp, &fresh).unwrap();
    assert!(stamp::is_current(&stamp, &component));

    fs::write(&input, "two").unwrap();
    assert!(!stamp::is_current(&stamp, &component));
    fs::write(&input, "one").unwrap();
    assert!(stamp::is_current(&stamp, &component));

    fs::write(&later, "locked").unwrap();
    assert!(!stamp::is_current(&stamp, &component));
    fs::remove_file(&later).unwrap();

    fs::write(&component, "damaged").unwrap();
    assert!(!stamp::is_current(&stamp, &component));
    fs::write(&component, "component").unwrap();

    fs::write(&stamp, &fresh[..fresh.len() - 3]).unwrap();
    assert!(!stamp::is_current(&stamp, &component));
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
