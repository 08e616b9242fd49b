//! A new plugin's `Cargo.lock`: the versions that Azud is tested with.

/// The lock file of a plugin with the same dependencies, which the tests hold
/// up to date.
const TESTED: &str = include_str!("../../../../plugins/json-filter/Cargo.lock");
const ITS_NAME: &str = "json-filter";

/// The same for a package called `name`. Cargo wants packages in the order of
/// their names: else it would call the file out of date.
pub(crate) fn of(name: &str) -> String {
    let (head, packages) = TESTED.split_once("\n\n").unwrap_or_default();
    let mut packages: Vec<String> = packages
        .split("\n\n")
        .map(|package| match name_of(package) {
            ITS_NAME => package.replace(ITS_NAME, name),
            _ => package.to_owned(),
        })
        .map(|package| package.trim_end().to_owned())
        .collect();
    packages.sort_by(|left, right| name_of(left).cmp(name_of(right)));
    format!("{head}\n\n{}\n", packages.join("\n\n"))
}

/// The crates that a plugin is built with.
pub(crate) fn crates() -> impl Iterator<Item = &'static str> {
    let packages = TESTED.split("\n\n").skip(1);
    packages.map(name_of).filter(|name| *name != ITS_NAME)
}

fn name_of(package: &str) -> &str {
    let mut lines = package.lines();
    lines
        .find_map(|line| line.strip_prefix("name = "))
        .map_or("", |name| name.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plugin_stands_among_its_dependencies_in_order() {
        for name in ["aardvark", "my_filter", "zz"] {
            let lock = of(name);
            let names: Vec<&str> = lock.split("\n\n").skip(1).map(name_of).collect();
            assert!(names.is_sorted(), "{names:?}");
            assert!(names.contains(&name) && !names.contains(&ITS_NAME));
            assert_eq!(names.len(), crates().count() + 1);
        }
        assert_eq!(of(ITS_NAME), TESTED);
        assert!(crates().any(|name| name == "azud-plugin"));
    }
}
