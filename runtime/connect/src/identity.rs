//! When two paths mean the same place.

use std::path::{Component, Path, PathBuf};

/// The same for two paths that mean the same place: `out`, `./out/`, `a/../out`.
/// Links are not followed: there may be nothing there yet.
pub fn identity(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut plain = PathBuf::new();
    for part in whole.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_to_one_place_are_the_same() {
        let place = identity(Path::new("/data/out"));
        for path in ["/data/out/", "/data/./out", "/data/a/../out", "//data/out"] {
            assert_eq!(identity(Path::new(path)), place, "{path}");
        }
        assert_ne!(identity(Path::new("/data/Out")), place);
    }
}
