//! `azud run --watch`: plugins whose component or source changes take over while data flows, and so
//! does the manifest itself.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, SystemTime};

use azud_engine::{Component, Control, ControlError, Reload, Reloaded};
use azud_manifest::{Manifest, Plugin, PluginFile};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::failure::Failure;
use crate::load::{self, Loader};

mod sources;
#[cfg(test)]
mod tests;

/// What is written in pieces is read when nothing has changed for so long.
const SETTLES: Duration = Duration::from_millis(300);

/// How often it is looked whether another manifest runs.
const REFRESHES: Duration = Duration::from_secs(2);

/// But no longer than this, about: somebody else may write there all the time.
const LONGEST: Duration = Duration::from_secs(3);

/// Watches until it is dropped.
pub(crate) struct Watch(Shared);

/// What is watched, as long as somebody wants to know.
type Shared = Arc<Mutex<Option<Watched>>>;

struct Watched {
    watcher: RecommendedWatcher,
    places: BTreeSet<PathBuf>,
}

/// What the thread works with.
struct Reloads {
    loader: Loader,
    /// The manifest's file, and its text as it was read last.
    file: PathBuf,
    text: String,
    /// The text that runs, where the file says the same in another one.
    same: Option<String>,
    /// Why the file cannot be read, as it was told.
    unread: Option<String>,
    failed: sources::Failed,
    directory: PathBuf,
    plugins: Vec<Plugin>,
    control: Control,
    watched: Shared,
    about: Arc<Mutex<Vec<About>>>,
}

/// What is known of a plugin: it is neither tried nor told again.
#[derive(Default)]
struct Tried {
    /// The digest that was tried last, and those that ran then.
    component: Option<(String, Vec<String>)>,
    /// Why it cannot be read.
    unread: Option<String>,
}

/// What tells of a change.
enum About {
    /// A file of this name.
    File(OsString),
    /// Any file below this folder, by each of its names.
    Source(Vec<PathBuf>),
}

// === impl Watch ===

impl Watch {
    /// Watches a manifest, the components of its plugins, and the sources of those that azud
    /// builds.
    pub(crate) fn start(
        file: &Path,
        loader: Loader,
        manifest: &Manifest,
        control: Control,
    ) -> Result<Self, Failure> {
        let cannot = |error: &dyn Display| {
            Failure::Input(format!(
                "cannot watch the manifest and its plugins: {error}"
            ))
        };
        let about: Arc<Mutex<Vec<About>>> = Arc::default();
        // One that waits is enough: what has changed is looked up.
        let (changed, changes) = mpsc::sync_channel(1);
        let of = about.clone();
        let tell = move |event: notify::Result<Event>| {
            if event.is_ok_and(|event| is_change(&event, lock(&of).as_slice())) {
                let _ = changed.try_send(());
            }
        };
        let watcher = notify::recommended_watcher(tell).map_err(|error| cannot(&error))?;
        let watched = Arc::new(Mutex::new(Some(Watched {
            watcher,
            places: BTreeSet::new(),
        })));
        let mut reloads = Reloads {
            loader,
            file: file.to_owned(),
            text: manifest.text().to_owned(),
            same: None,
            unread: None,
            failed: sources::Failed::default(),
            directory: load::directory(file),
            plugins: manifest.plugins.values().cloned().collect(),
            control,
            watched: watched.clone(),
            about,
        };
        reloads.watch().map_err(|error| cannot(&error))?;
        thread::Builder::new()
            .name("azud-watch".into())
            .spawn(move || reloads.run(&changes))
            .map_err(|error| cannot(&error))?;
        Ok(Self(watched))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Its thread ends once nobody tells it of changes any more.
        *lock(&self.0) = None;
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether bytes of a plugin may be others: of its component, or of its source, but for what a
/// build leaves there.
fn is_change(event: &Event, about: &[About]) -> bool {
    let changes = matches!(
        event.kind,
        EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_)
    );
    changes
        && event
            .paths
            .iter()
            .any(|path| about.iter().any(|of| of.has(path)))
}

impl About {
    fn has(&self, path: &Path) -> bool {
        match self {
            Self::File(name) => path.file_name() == Some(name),
            Self::Source(names) => {
                // Other folders are watched, too: that of the manifest, say, where the log may be.
                let mut within = names.iter().filter_map(|name| path.strip_prefix(name).ok());
                within
                    .next()
                    .is_some_and(|within| !within.starts_with("target"))
            }
        }
    }
}

// === impl Reloads ===

impl Reloads {
    /// Folders: a file that is replaced by another one is another file.
    fn places(&self) -> Vec<(PathBuf, RecursiveMode)> {
        let manifest = (self.directory.clone(), RecursiveMode::NonRecursive);
        let plugins = self.plugins.iter().map(|plugin| match plugin.file() {
            PluginFile::Path(path) => {
                let path = self.directory.join(&path.value);
                let folder = path.parent().unwrap_or(&self.directory).to_owned();
                (folder, RecursiveMode::NonRecursive)
            }
            PluginFile::Source(source) => {
                (self.directory.join(&source.value), RecursiveMode::Recursive)
            }
        });
        // What is wanted whole comes last: it says more than one without what is below.
        let mut places: Vec<_> = std::iter::once(manifest).chain(plugins).collect();
        places.sort_by_key(|(_, mode)| *mode == RecursiveMode::Recursive);
        places
    }

    /// Watches what is not watched yet.
    fn watch(&mut self) -> notify::Result<()> {
        *lock(&self.about) = self.about();
        let mut watched = lock(&self.watched);
        let Some(watched) = watched.as_mut() else {
            return Ok(());
        };
        for (place, mode) in self.places() {
            let is_whole = mode == RecursiveMode::Recursive;
            if watched.places.insert(place.clone()) || is_whole {
                watched.watcher.watch(&place, mode)?;
            }
        }
        Ok(())
    }

    fn about(&self) -> Vec<About> {
        let name = self.file.file_name().unwrap_or_default();
        let manifest = About::File(name.to_owned());
        let plugins = self.plugins.iter().map(|plugin| match plugin.file() {
            PluginFile::Path(path) => {
                let name = Path::new(&path.value).file_name();
                About::File(name.unwrap_or_default().to_owned())
            }
            PluginFile::Source(source) => {
                let folder = self.directory.join(&source.value);
                // `a/../b` is watched under that name, and the rest may be told under another.
                let names = [folder.canonicalize(), std::path::absolute(&folder)];
                let names = names.into_iter().filter_map(Result::ok);
                About::Source(names.chain([folder.clone()]).collect())
            }
        });
        std::iter::once(manifest).chain(plugins).collect()
    }

    fn run(&mut self, changes: &mpsc::Receiver<()>) {
        // What was tried last, by plugin: it is not tried again.
        let mut tried: BTreeMap<String, Tried> = BTreeMap::new();
        let mut seen = self.stamps();
        loop {
            match changes.recv_timeout(REFRESHES) {
                Ok(()) => {}
                // Where a folder above is replaced, or a link, nobody tells.
                Err(RecvTimeoutError::Timeout) => {
                    self.refresh();
                    let now = self.stamps();
                    if now == seen {
                        continue;
                    }
                    seen = now;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let mut waits = LONGEST;
            while !waits.is_zero() && changes.recv_timeout(SETTLES).is_ok() {
                waits = waits.saturating_sub(SETTLES);
            }
            while self.control.is_starting() {
                thread::sleep(SETTLES);
            }
            if let Err(why) = self.change() {
                let file = self.file.display();
                tracing::warn!("{file}: {why}\nwhat ran before runs on");
            }
            for plugin in self.plugins.clone() {
                let name = &plugin.name.value;
                if let Err(why) = self.reload(&plugin, tried.entry(name.clone()).or_default()) {
                    tracing::warn!("plugin `{name}`: {why}; the version before runs on");
                }
            }
        }
    }

    /// When the manifest and the components were written, and how large they are.
    fn stamps(&self) -> Vec<Option<(SystemTime, u64)>> {
        let components = self.plugins.iter().map(|plugin| match plugin.file() {
            PluginFile::Path(path) => self.directory.join(&path.value),
            // What changes there is told.
            PluginFile::Source(source) => self.directory.join(&source.value),
        });
        let files = std::iter::once(self.file.clone()).chain(components);
        let stamps = files.map(|file| {
            let metadata = std::fs::metadata(file).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        });
        stamps.collect()
    }

    /// Watches the plugins of the manifest that runs: another one may have been sent.
    fn refresh(&mut self) {
        let manifest = self.control.manifest();
        let plugins = manifest.map(|of| of.plugins.values().cloned().collect::<Vec<_>>());
        if let Some(plugins) = plugins.filter(|plugins| *plugins != self.plugins) {
            self.plugins = plugins;
            if let Err(error) = self.watch() {
                tracing::warn!("cannot watch the plugins: {error}");
            }
        }
    }

    /// Lets the manifest take over, if it is another one than before.
    fn change(&mut self) -> Result<(), String> {
        let text = match load::read(&self.file).map_err(Failure::message) {
            Ok(text) => text,
            Err(why) if self.unread.as_ref() == Some(&why) => return Ok(()),
            Err(why) => {
                self.unread = Some(why.clone());
                return Err(why);
            }
        };
        self.unread = None;
        if text == self.text {
            return Ok(());
        }
        // What is wrong is told once.
        self.text.clone_from(&text);
        self.same = None;
        self.apply()
    }

    /// Lets the manifest take over as it was read last.
    fn apply(&mut self) -> Result<(), String> {
        let text = self.text.clone();
        let name = self.file.display().to_string();
        let changed = loop {
            while self.control.is_busy() {
                thread::sleep(SETTLES);
            }
            let (manifest, plan) = self
                .loader
                .changed(&name, &text, &self.control)
                .map_err(Failure::message)?;
            let changed = self.control.change_and_wait(plan, &[]);
            if matches!(changed, Ok((_, Reloaded::Unchanged))) {
                self.same = self.control.manifest().map(|runs| runs.text().to_owned());
            }
            if !matches!(changed, Err(ControlError::Busy(_))) {
                break changed.map(|_| manifest);
            }
        };
        match changed {
            Ok(manifest) => {
                self.plugins = manifest.plugins.values().cloned().collect();
                self.watch().map_err(|error| error.to_string())
            }
            // The log has it.
            Err(ControlError::TakenBack(_) | ControlError::Ended) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The component of a plugin; none where its source is the one that could not be built.
    fn find(&mut self, plugin: &Plugin) -> Result<Option<PathBuf>, String> {
        let find = || load::find(&self.directory, plugin);
        match plugin.file() {
            PluginFile::Path(_) => find().map(Some),
            PluginFile::Source(source) => {
                let folder = self.directory.join(&source.value);
                let built = self.failed.build(&folder, &self.directory, find);
                built.transpose()
            }
        }
    }

    /// Lets a plugin take over in all its nodes, if it is another one than runs.
    fn reload(&mut self, plugin: &Plugin, tried: &mut Tried) -> Result<(), String> {
        let Some(path) = self.find(plugin)? else {
            return Ok(());
        };
        let name = path.display().to_string();
        let bytes: Arc<[u8]> = match component(&path) {
            Ok(bytes) => bytes.into(),
            Err(why) if tried.unread.as_ref() == Some(&why) => return Ok(()),
            Err(why) => {
                tried.unread = Some(why.clone());
                return Err(why);
            }
        };
        tried.unread = None;
        let digest = azud_sandbox::digest(&bytes);
        let nodes = self.control.plugins().into_iter();
        let nodes: Vec<_> = nodes.filter(|(_, from, _)| *from == name).collect();
        let runs = nodes.iter().map(|(_, _, runs)| runs.clone()).collect();
        // Beside the same versions it would come to the same.
        let now = Some((digest.clone(), runs));
        if tried.component == now {
            return Ok(());
        }
        tried.component = now;
        let nodes = nodes.into_iter().filter(|(_, _, runs)| *runs != digest);
        let component = Component {
            name: name.clone(),
            bytes,
            sha256: None,
        };
        let nodes: BTreeMap<_, _> = nodes.map(|(node, ..)| (node, component.clone())).collect();
        if nodes.is_empty() {
            return Ok(());
        }
        let reload = Reload { nodes };
        let mut reloaded = self.control.reload_and_wait(&reload);
        while matches!(reloaded, Err(ControlError::Busy(_))) {
            thread::sleep(SETTLES);
            reloaded = self.control.reload_and_wait(&reload);
        }
        match reloaded {
            Ok(Reloaded::Runs { .. } | Reloaded::Unchanged) | Err(ControlError::Ended) => Ok(()),
            // The log has it.
            Err(ControlError::TakenBack(_)) => Ok(()),
            // What begins anew, with the manifest that runs, may fit all the same: a sink with
            // transactions, say.
            Err(ControlError::Refused(why)) => {
                let runs = self.control.manifest();
                let is_it = |text: &str| text == self.text || self.same.as_deref() == Some(text);
                match runs.is_some_and(|runs| is_it(runs.text())) {
                    true => self.apply().map_err(|_| why),
                    false => Err(why),
                }
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

fn component(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |why: &dyn Display| format!("cannot read {}: {why}", path.display());
    let kind = std::fs::metadata(path).map_err(|error| cannot(&error))?;
    if !kind.is_file() {
        return Err(cannot(&"it is no file"));
    }
    std::fs::read(path).map_err(|error| cannot(&error))
}
