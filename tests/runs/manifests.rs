//! Manifests that are not even read.

use std::process::Command;

#[test]
fn what_is_no_manifest_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("huge.yaml"), vec![b'#'; 5 << 20]).unwrap();
    std::fs::write(path("latin.yaml"), b"name: caf\xe9\n").unwrap();
    std::fs::create_dir(path("folder")).unwrap();
    for (name, expected) in [
        ("huge.yaml", "a manifest has at most 4 MiB"),
        ("latin.yaml", "it is not UTF-8, from byte 9 on"),
        ("folder", "it is a folder, name the manifest in it"),
        ("gone.yaml", "No such file or directory (os error 2)"),
    ] {
        for command in ["run", "check"] {
            let output = Command::new(env!("CARGO_BIN_EXE_azud"))
                .args([command, name])
                .current_dir(folder.path())
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(2), "{command} {name}");
            assert_eq!(
                String::from_utf8_lossy(&output.stderr),
                format!("error: cannot read {name}: {expected}\n")
            );
        }
    }
}
