//! The name of what is new: the last part of its folder.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// What a crate cannot be called: Rust's words, and its own libraries.
const RUST: &str = "abstract alloc as async await become box break const continue core crate do \
    dyn else enum extern false final fn for gen if impl in let loop macro match mod move mut \
    override priv proc_macro pub ref return self static std struct super test trait true try type \
    typeof unsafe unsized use virtual where while yield _";

/// What YAML takes for a value that is no text.
const YAML: [&str; 3] = ["null", "true", "false"];

/// A folder to make, and the name that it gives.
#[derive(Debug)]
pub(crate) struct Name {
    /// The folder.
    pub(crate) folder: PathBuf,
    /// Its last part.
    pub(crate) name: String,
}

// === impl Name ===

impl Name {
    /// Of a folder as it was typed; `what` is to be named, for errors.
    pub(crate) fn of(folder: &Path, what: &str) -> Result<Self, Failure> {
        let refused = |name: &str, why: String| {
            Failure::Input(format!("`{name}` cannot name a {what}: {why}"))
        };
        let shown = folder.to_string_lossy();
        // `.` has a name as well, elsewhere.
        let absolute = match folder.file_name() {
            Some(_) => folder.to_owned(),
            None => folder.canonicalize().unwrap_or_default(),
        };
        let Some(name) = absolute.file_name() else {
            let why = format!("it is no new folder; write one, as in `azud new {what} my_{what}`");
            return Err(refused(&shown, why));
        };
        let name = name.to_string_lossy().into_owned();
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        if let Some(first) = name.chars().next()
            && (first == '-' || first.is_ascii_digit())
        {
            let why = format!("it begins with `{first}`, not with a letter of a to z or `_`");
            return Err(refused(&name, why));
        }
        if let Some(other) = name.chars().find(|one| !is_word(*one) && *one != '-') {
            let why = format!(
                "it has `{other}` in it; a name has letters of a to z, digits, `_` and `-`"
            );
            return Err(refused(&name, why));
        }
        if YAML.contains(&name.to_lowercase().as_str()) {
            return Err(refused(&name, "YAML takes it for a value".into()));
        }
        Ok(Self {
            folder: folder.to_owned(),
            name,
        })
    }

    /// Of a plugin: the name of its crate, which depends on `crates`.
    pub(crate) fn of_plugin<'a>(
        folder: &Path,
        mut crates: impl Iterator<Item = &'a str>,
    ) -> Result<Self, Failure> {
        let name = Self::of(folder, "plugin")?;
        let of_crate = &name.name;
        let plugin = name.plugin();
        let refused = |why: &str| {
            let message = format!(
                "`{of_crate}` cannot name a plugin: {why}; another would do, as `{of_crate}_plugin`"
            );
            Err(Failure::Input(message))
        };
        if RUST.split_whitespace().any(|word| word == plugin) {
            return refused("it is a word of Rust");
        }
        if crates.any(|used| used.replace('-', "_") == plugin) {
            return refused("a crate that plugins depend on has that name");
        }
        Ok(name)
    }

    /// The name of a plugin in manifests, as of a library in Rust: without `-`.
    pub(crate) fn plugin(&self) -> String {
        self.name.replace('-', "_")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(folder: &str) -> String {
        match Name::of_plugin(Path::new(folder), ["serde", "azud-plugin"].into_iter()) {
            Err(Failure::Input(message)) => message,
            _ => panic!("{folder} was taken"),
        }
    }

    #[test]
    fn the_last_part_of_the_folder_is_the_name() {
        let crates = || ["serde"].into_iter();
        let name = Name::of_plugin(Path::new("/some where/my-filter/"), crates()).ok();
        let name = name.map(|name| (name.plugin(), name.name));
        assert_eq!(name, Some(("my_filter".into(), "my-filter".into())));
        assert!(Name::of_plugin(Path::new("_a1"), crates()).is_ok());
    }

    #[test]
    fn what_no_crate_may_be_called_is_refused_with_the_reason() {
        for (folder, why) in [
            (
                "9lives",
                "it begins with `9`, not with a letter of a to z or `_`",
            ),
            (
                "-x",
                "it begins with `-`, not with a letter of a to z or `_`",
            ),
            (
                "año",
                "it has `ñ` in it; a name has letters of a to z, digits, `_` and `-`",
            ),
            (
                "a b",
                "it has ` ` in it; a name has letters of a to z, digits, `_` and `-`",
            ),
            (
                "a.b",
                "it has `.` in it; a name has letters of a to z, digits, `_` and `-`",
            ),
            ("Null", "YAML takes it for a value"),
            (
                "fn",
                "it is a word of Rust; another would do, as `fn_plugin`",
            ),
            (
                "proc-macro",
                "it is a word of Rust; another would do, as `proc-macro_plugin`",
            ),
            (
                "azud_plugin",
                "a crate that plugins depend on has that name; another would do, as `azud_plugin_plugin`",
            ),
            (
                "/",
                "it is no new folder; write one, as in `azud new plugin my_plugin`",
            ),
        ] {
            assert_eq!(
                refused(folder),
                format!("`{folder}` cannot name a plugin: {why}")
            );
        }
    }
}
