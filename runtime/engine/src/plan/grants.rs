//! What a manifest grants to a plugin: addresses are read, folders looked for,
//! variables taken from the environment.

use std::path::Path;

use azud_manifest::{Access, Plugin as PluginEntry, PluginFile, Spanned};
use azud_sandbox::{Address, Folder, Grants};

use super::Environment;
use super::node::Draft;

/// The grants of an entry; `None` where something about them was told.
pub(super) fn grants(
    draft: &mut Draft<'_>,
    entry: &PluginEntry,
    environment: &Environment<'_>,
) -> Option<Grants> {
    let Some(written) = &entry.grants else {
        return Some(Grants::default());
    };
    let mut grants = Grants::default();
    let before = draft.diagnostics.len();
    for address in written.http.iter().flatten() {
        grants.http.extend(self::address(draft, address));
    }
    for address in written.tcp.iter().flatten() {
        let granted = self::address(draft, address);
        if granted.as_ref().is_some_and(|one| one.port().is_none()) {
            let message = format!("`{}` names no port", address.value);
            draft.blame(address.span, message, Some("write `host:port`".to_owned()));
        }
        grants.tcp.extend(granted);
    }
    for (name, access) in &written.dirs {
        let path = environment.directory.join(name);
        if !path.is_dir() {
            let message = format!("there is no folder {} to grant", path.display());
            let help = "make it, or correct its name: it is relative to the manifest".to_owned();
            draft.blame(access.span, message, Some(help));
        }
        if access.value == Access::Write
            && let Some(what) = executed_in(draft, &path, environment)
        {
            let message = format!("`{name}` cannot be granted for writing: {what}");
            let help = "what a plugin writes there would be run outside of the sandbox: \
                        give it a folder of its own";
            draft.blame(access.span, message, Some(help.to_owned()));
        }
        grants.dirs.push(Folder {
            path,
            name: name.clone(),
            write: access.value == Access::Write,
        });
    }
    for (names, values) in [
        (&written.env, &mut grants.env),
        (&written.secrets, &mut grants.secrets),
    ] {
        for name in names {
            values.extend(variable(draft, name));
        }
    }
    (draft.diagnostics.len() == before).then_some(grants)
}

/// What azud, or who builds plugins, would run of a folder: the manifest says which
/// code is run, sources and components are code, and so is what was compiled before.
fn executed_in(draft: &Draft<'_>, folder: &Path, environment: &Environment<'_>) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let holds = |path: &Path| {
        let path = path.canonicalize();
        path.is_ok_and(|path| path.starts_with(&folder))
    };
    let is_in = |path: &Path| {
        let path = path.canonicalize();
        path.is_ok_and(|path| folder.starts_with(path))
    };
    let manifest = draft.manifest.file();
    if holds(Path::new(manifest)) {
        return Some(format!("the manifest {manifest} is in it"));
    }
    if let Some(cache) = environment.sandbox.cache_folder()
        && (holds(cache) || is_in(cache))
    {
        return Some("azud keeps compiled plugins there".to_owned());
    }
    let plugins = draft.manifest.plugins.values();
    plugins.into_iter().find_map(|plugin| {
        let (PluginFile::Path(place) | PluginFile::Source(place)) = plugin.file();
        let path = environment.directory.join(&place.value);
        let code = ["src", "target", ".cargo", "azud-plugin"].map(|part| path.join(part));
        let told = || format!("the plugin `{}` is in it", plugin.name.value);
        (holds(&path) || code.iter().any(|part| is_in(part))).then(told)
    })
}

fn address(draft: &mut Draft<'_>, text: &Spanned<String>) -> Option<Address> {
    match text.value.parse() {
        Ok(address) => Some(address),
        Err(why) => {
            draft.blame(text.span, why, None);
            None
        }
    }
}

fn variable(draft: &mut Draft<'_>, name: &Spanned<String>) -> Option<(String, String)> {
    match std::env::var(&name.value) {
        Ok(value) => Some((name.value.clone(), value)),
        Err(error) => {
            let why = match error {
                std::env::VarError::NotPresent => "is not set",
                std::env::VarError::NotUnicode(_) => "is not UTF-8",
            };
            let message = format!("the environment variable `{}` {why}", name.value);
            let help = "set it where azud is started, or take it out of the grants".to_owned();
            draft.blame(name.span, message, Some(help));
            None
        }
    }
}
