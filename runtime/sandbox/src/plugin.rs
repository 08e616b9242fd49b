//! A plugin that was loaded: checked, compiled, linked, not yet opened.

use std::{
    fmt, fs,
    io::{self, Read as _},
    path::Path,
    sync::Arc,
};

use wasmtime::component::{
    Component, HasSelf, InstancePre, Linker,
    types::{Component as ComponentType, ComponentItem},
};

use crate::{
    LoadError, Sandbox,
    bindings::{TransformPlugin, aggregate::MigratingAggregatePlugin, keyed::MigratingKeyedPlugin},
    cache::digest,
    host::Host,
    limits,
    sink::{self, SinkHost},
    wasi,
};

/// The version of the contract that this host supports.
const SUPPORTED: &str = "0.1.0";
pub(crate) const PACKAGE: &str = "azud:plugin/";

/// What a plugin is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// Maps batches.
    Transform,
    /// Writes batches.
    Sink,
    /// Writes batches in transactions: a [`World::Sink`] that exports `epochs` too.
    TransactionalSink,
    /// Reduces groups.
    Aggregate,
    /// Goes on with states of earlier versions: a [`World::Aggregate`] that exports
    /// `aggregate-migration` too.
    MigratingAggregate,
    /// Maps rows by what is known of their key.
    Keyed,
    /// Goes on with states of earlier versions: a [`World::Keyed`] that exports `migration` too.
    MigratingKeyed,
}

/// A component that is known to be a plugin. Cheap to clone; any number of
/// instances may be opened of it, side by side.
#[derive(Clone)]
pub struct Plugin(Arc<Loaded>);

struct Loaded {
    name: String,
    digest: String,
    worlds: Vec<World>,
    sandbox: Sandbox,
    transform: Option<InstancePre<Host>>,
    aggregate: Option<InstancePre<Host>>,
    keyed: Option<InstancePre<Host>>,
    sink: Option<InstancePre<SinkHost>>,
    imports: Vec<String>,
    /// Of a transactional sink only.
    component: Option<Arc<[u8]>>,
}

// === impl World ===

impl World {
    /// Its word in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transform => "transform",
            Self::Sink => "sink",
            Self::TransactionalSink => "transactional sink",
            Self::Aggregate => "aggregate",
            Self::MigratingAggregate => "migrating aggregate",
            Self::Keyed => "keyed plugin",
            Self::MigratingKeyed => "migrating keyed plugin",
        }
    }

    /// The interface that a component of this world exports.
    fn interface(self) -> &'static str {
        match self {
            Self::TransactionalSink => "epochs",
            Self::MigratingAggregate => "aggregate-migration",
            Self::Keyed => "keyed",
            Self::MigratingKeyed => "migration",
            world => world.name(),
        }
    }
}

// === impl Plugin ===

impl Plugin {
    /// Loads a component from a file. `sha256` is what the manifest says of it.
    pub fn load(sandbox: &Sandbox, path: &Path, sha256: Option<&str>) -> Result<Self, LoadError> {
        Self::from_bytes(sandbox, &path.display().to_string(), &read(path)?, sha256)
    }

    /// Loads a component from memory; `name` is for messages.
    pub fn from_bytes(
        sandbox: &Sandbox,
        name: &str,
        bytes: &[u8],
        sha256: Option<&str>,
    ) -> Result<Self, LoadError> {
        check_kind(name, bytes)?;
        let digest = digest(bytes);
        if let Some(expected) = sha256.filter(|expected| !expected.eq_ignore_ascii_case(&digest)) {
            return Err(LoadError::Digest {
                name: name.into(),
                expected: expected.into(),
                actual: digest,
            });
        }
        let broken = |error: wasmtime::Error| LoadError::Compile {
            name: name.into(),
            reason: crate::log::clean(&format!("{error:#}"), limits::REASON),
        };
        let component = sandbox.cache.compile(&sandbox.engine, name, bytes)?;
        let component_type = component.component_type();
        let worlds = worlds(sandbox, name, &component_type)?;
        check_imports(sandbox, name, &component_type)?;
        let is = |world| worlds.contains(&world);
        let transform = is(World::Transform).then(|| link_transform(sandbox, &component));
        let aggregate = is(World::Aggregate).then(|| link_aggregate(sandbox, &component));
        let keyed = is(World::Keyed).then(|| link_keyed(sandbox, &component));
        let sink = is(World::Sink).then(|| link_sink(sandbox, &component));
        let imports = component_type.imports(&sandbox.engine);
        let component = is(World::TransactionalSink).then(|| Arc::from(bytes));
        Ok(Self(Arc::new(Loaded {
            name: name.into(),
            digest,
            sandbox: sandbox.clone(),
            transform: transform.transpose().map_err(broken)?,
            aggregate: aggregate.transpose().map_err(broken)?,
            keyed: keyed.transpose().map_err(broken)?,
            sink: sink.transpose().map_err(broken)?,
            imports: imports.map(|(import, _)| import.to_owned()).collect(),
            component,
            worlds,
        })))
    }

    /// What messages call it: its path.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The sha256 of the component, in lower-case hexadecimal.
    pub fn digest(&self) -> &str {
        &self.0.digest
    }

    /// The component itself, of a transactional sink: it is kept beside what it prepares,
    /// which no other one can be trusted to commit.
    pub fn component(&self) -> Option<&Arc<[u8]>> {
        self.0.component.as_ref()
    }

    /// What it is for; where it is for several things, the first of transform,
    /// keyed, aggregate, sink: a transactional sink is a sink, and what migrates is what it is
    /// without that.
    pub fn world(&self) -> World {
        self.0.worlds.first().copied().unwrap_or(World::Transform)
    }

    /// Whether it can be used so.
    pub fn is(&self, world: World) -> bool {
        self.0.worlds.contains(&world)
    }

    /// Whether it imports an interface: `wasi:http/outgoing-handler`, whatever the version.
    pub fn imports(&self, interface: &str) -> bool {
        let name = |import: &String| import.split('@').next() == Some(interface);
        self.0.imports.iter().any(name)
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.0.sandbox
    }

    pub(crate) fn transform(&self) -> Option<&InstancePre<Host>> {
        self.0.transform.as_ref()
    }

    pub(crate) fn aggregate(&self) -> Option<&InstancePre<Host>> {
        self.0.aggregate.as_ref()
    }

    pub(crate) fn keyed(&self) -> Option<&InstancePre<Host>> {
        self.0.keyed.as_ref()
    }

    pub(crate) fn sink(&self) -> Option<&InstancePre<SinkHost>> {
        self.0.sink.as_ref()
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.0.name)
            .field("worlds", &self.0.worlds)
            .finish_non_exhaustive()
    }
}

/// The bytes of a component's file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let failed = |source| LoadError::Read {
        path: path.to_owned(),
        source,
    };
    // A pipe would be waited for; of a folder the system's own word is the best.
    let kind = fs::metadata(path).map_err(failed)?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        return Err(failed(io::Error::other("it is no file")));
    }
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too large.
    fs::File::open(path)
        .map_err(failed)?
        .take(limits::COMPONENT + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(bytes)
}

/// What the first bytes say, before any parser sees the rest.
pub(crate) fn check_kind(name: &str, bytes: &[u8]) -> Result<(), LoadError> {
    if bytes.len() as u64 > limits::COMPONENT {
        return Err(LoadError::TooLarge {
            name: name.into(),
            limit: limits::COMPONENT as usize,
        });
    }
    match bytes {
        [] => Err(LoadError::Empty(name.into())),
        [b'\0', b'a', b's', b'm', _, _, 0, 0, ..] => Err(LoadError::CoreModule(name.into())),
        [b'\0', b'a', b's', b'm', _, _, 1, 0, ..] => Ok(()),
        _ => Err(LoadError::NotWasm(name.into())),
    }
}

/// Which of azud's interfaces the component exports, and in which version.
pub(crate) fn worlds(
    sandbox: &Sandbox,
    name: &str,
    component: &ComponentType,
) -> Result<Vec<World>, LoadError> {
    let exports: Vec<_> = component
        .exports(&sandbox.engine)
        .map(|(export, _)| export.to_owned())
        .collect();
    let mut worlds = Vec::new();
    for world in [
        World::Transform,
        World::Keyed,
        World::Aggregate,
        World::Sink,
        World::TransactionalSink,
        World::MigratingKeyed,
        World::MigratingAggregate,
    ] {
        let interface = format!("{PACKAGE}{}@", world.interface());
        let Some(export) = exports.iter().find(|export| export.starts_with(&interface)) else {
            continue;
        };
        let version = export.strip_prefix(&interface).unwrap_or_default();
        if track(version) != track(SUPPORTED) {
            return Err(LoadError::Version {
                name: name.into(),
                export: export.clone(),
                supported: SUPPORTED,
            });
        }
        // `epochs` alone has nothing to commit, a migration alone nothing to convert.
        let beside = match world {
            World::TransactionalSink => Some(World::Sink),
            World::MigratingKeyed => Some(World::Keyed),
            World::MigratingAggregate => Some(World::Aggregate),
            _ => None,
        };
        if beside.is_none_or(|beside| worlds.contains(&beside)) {
            worlds.push(world);
        }
    }
    if !worlds.is_empty() {
        return Ok(worlds);
    }
    let exports = match exports.as_slice() {
        [] => "nothing".into(),
        exports => exports.join(", "),
    };
    Err(LoadError::NoWorld {
        name: name.into(),
        exports,
        supported: SUPPORTED,
    })
}

/// What the contract lets a transform import of its own package.
pub(crate) fn is_own(import: &str) -> bool {
    let own = import.strip_prefix(PACKAGE);
    let own = own.and_then(|own| own.split_once('@'));
    own.is_some_and(|(interface, version)| {
        ["log", "types"].contains(&interface) && track(version) == track(SUPPORTED)
    })
}

/// The part of a version within which nothing incompatible changes: 0.1 of 0.1.3.
fn track(version: &str) -> Option<&str> {
    version.rsplit_once('.').map(|(track, _)| track)
}

/// Refuses what imports anything else than the contract allows and WASI has.
fn check_imports(
    sandbox: &Sandbox,
    name: &str,
    component: &ComponentType,
) -> Result<(), LoadError> {
    let mut foreign = component.imports(&sandbox.engine).filter(|(import, item)| {
        // Types alone ask for nothing.
        let interface = matches!(
            item.ty,
            ComponentItem::ComponentInstance(_) | ComponentItem::ComponentFunc(_)
        );
        interface && !is_own(import) && !wasi::offers(import)
    });
    match foreign.next() {
        None => Ok(()),
        Some((import, _)) => Err(LoadError::Import {
            name: name.into(),
            import: import.to_owned(),
        }),
    }
}

fn link_transform(sandbox: &Sandbox, component: &Component) -> wasmtime::Result<InstancePre<Host>> {
    let mut linker = Linker::new(&sandbox.engine);
    TransformPlugin::add_to_linker::<_, HasSelf<Host>>(&mut linker, |host| host)?;
    wasi::add_to_linker(&mut linker, component)?;
    linker.instantiate_pre(component)
}

fn link_aggregate(sandbox: &Sandbox, component: &Component) -> wasmtime::Result<InstancePre<Host>> {
    let mut linker = Linker::new(&sandbox.engine);
    MigratingAggregatePlugin::add_to_linker::<_, HasSelf<Host>>(&mut linker, |host| host)?;
    wasi::add_to_linker(&mut linker, component)?;
    linker.instantiate_pre(component)
}

fn link_keyed(sandbox: &Sandbox, component: &Component) -> wasmtime::Result<InstancePre<Host>> {
    let mut linker = Linker::new(&sandbox.engine);
    MigratingKeyedPlugin::add_to_linker::<_, HasSelf<Host>>(&mut linker, |host| host)?;
    wasi::add_to_linker(&mut linker, component)?;
    linker.instantiate_pre(component)
}

fn link_sink(sandbox: &Sandbox, component: &Component) -> wasmtime::Result<InstancePre<SinkHost>> {
    let mut linker = Linker::new(&sandbox.engine);
    sink::add_to_linker(&mut linker)?;
    linker.instantiate_pre(component)
}
