//! What a path means, and what is said of one that cannot be read.

use super::*;
use crate::source::find::Pattern;
use crate::source::found::unreadable;

fn names(home: &Path, path: &str) -> Vec<String> {
    let found = Pattern::new(path, home).unwrap().files().unwrap();
    found.into_iter().map(|file| file.name).collect()
}

#[test]
fn a_glob_does_not_walk_into_what_is_hidden() {
    let home = tempfile::tempdir().unwrap();
    for name in [
        "out/1.json",
        "out/_azud/0.json",
        "out/_azud/deep/2.json",
        "out/a/.b/3.json",
        "out/c.tmp/4.json",
        "out/d/e/5.json",
        "out/d/_f.json",
    ] {
        write(home.path(), name, "{}\n", 0);
    }
    assert_eq!(
        names(home.path(), "out/**/*.json"),
        ["out/1.json", "out/d/e/5.json"]
    );
    assert_eq!(names(home.path(), "./out/*.json"), ["out/1.json"]);
    assert_eq!(names(home.path(), "out/*/0.json"), Vec::<String>::new());
    // Whoever writes a name means it.
    assert_eq!(names(home.path(), "out/_azud/*.json"), ["out/_azud/0.json"]);
    assert_eq!(names(home.path(), "*/_azud/*.json"), ["out/_azud/0.json"]);
    assert_eq!(names(home.path(), "out/**/_f.json"), ["out/d/_f.json"]);
    let absolute = home.path().join("out/_azud/**/*.json");
    assert_eq!(
        names(home.path(), absolute.to_str().unwrap()),
        ["out/_azud/0.json", "out/_azud/deep/2.json"]
    );
}

/// `Unavailable` would be tried again for ever.
#[test]
fn what_no_time_will_mend_is_invalid() {
    for (kind, expected) in [
        (
            std::io::ErrorKind::PermissionDenied,
            Some("cannot read `in`: whoever runs azud needs the right to: permission denied"),
        ),
        (
            std::io::ErrorKind::NotADirectory,
            Some("cannot read `in`: a folder is needed in its place: not a directory"),
        ),
        (std::io::ErrorKind::StaleNetworkFileHandle, None),
        (std::io::ErrorKind::NotFound, None),
    ] {
        let error = unreadable(Path::new("in"), kind.into());
        match expected {
            Some(expected) => {
                assert_eq!(error.kind(), ErrorKind::Invalid);
                assert_eq!(error.to_string(), expected);
            }
            None => assert_eq!(error.kind(), ErrorKind::Unavailable),
        }
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_read_ends_a_finite_run() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "in/a", "1\n", 0);
    let source = source(home.path(), json!({"path": "in"}));
    fs::rename(home.path().join("in"), home.path().join("aside")).unwrap();
    fs::write(home.path().join("in"), "a file now").unwrap();
    let expected =
        "cannot read `in`: a folder is needed in its place: Not a directory (os error 20)";
    for error in [source.check().err(), source.open(&[]).await.err()] {
        let error = error.unwrap();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert_eq!(error.to_string(), expected);
    }
    let glob = super::source(home.path(), json!({"path": "in/*"}));
    assert_eq!(glob.check().unwrap_err().to_string(), expected);
}

#[test]
fn a_pause_of_nothing_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let context = context(home.path(), 1, false, Framing::Lines);
    let refused = crate::source::make(json!({"path": "in", "poll": "0ms"}), context);
    assert_eq!(
        refused.err().unwrap().to_string(),
        "with `poll: 0ms` it would look for files without a pause: leave it out, or write a time \
         like 500ms"
    );
}
