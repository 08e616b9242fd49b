//! From a component to a version that may take over: everything that can be wrong with it is
//! found here, beside the pipeline.

use std::sync::Arc;
use std::time::Duration;

use azud_sandbox::{GuestError, Plugin, World};

use super::shadow::{Compared, Shadow};
use super::swaps::short;
use super::version::{Standing, Version};
use super::versions::Versions;
use crate::control::Component;
use crate::telemetry::PluginMeter;

/// A node whose plugin may be replaced while it runs.
pub(crate) trait Replaceable: Send + Sync {
    /// The digest of the version that runs.
    fn digest(&self) -> String;

    /// What messages call the version that runs: its path.
    fn plugin(&self) -> String;

    /// Says whether a rejected row of the node stops the pipeline.
    fn set_strict(&self, strict: bool);

    /// Counts calls there from now on: told before lanes open instances.
    fn set_meter(&self, meter: Arc<PluginMeter>);

    /// The version that runs is on probation: it came with a manifest that is. What it fails with
    /// is held against that, not against rows.
    fn begin_probation(&self);

    /// Ends that.
    ///
    /// # Errors
    /// What it has failed with.
    fn end_probation(&self) -> Result<(), String>;

    /// Makes a component ready to take over, in so many lanes; `None` if it runs already.
    /// Blocks, for as long as compiling takes: not to be called by a thread of an async runtime.
    ///
    /// # Errors
    /// Why it cannot take over.
    fn stage(
        self: Arc<Self>,
        component: &Component,
        lanes: usize,
    ) -> Result<Option<Box<dyn Staged>>, String>;

    /// Lets a component run beside the version that serves; `false` where another one is about to
    /// take over. Blocks as [`Self::stage`] does.
    ///
    /// # Errors
    /// Why it cannot.
    fn shadow(&self, component: &Component) -> Result<bool, String>;

    /// What came of that so far; `None` where none runs.
    fn shadowing(&self) -> Option<Shadowing>;

    /// Why the last one has ended.
    fn why_shadow_ended(&self) -> Option<String>;

    /// Ends it, for this reason; `false` where none runs.
    fn end_shadow(&self, why: &str) -> bool;

    /// That of the same node in the plan before has ended, for this reason.
    fn tell_shadow_ended(&self, why: &str);
}

/// What came of a version that runs beside the one that serves.
pub(crate) struct Shadowing {
    pub(crate) digest: String,
    pub(crate) compared: Compared,
    pub(crate) component: Component,
}

/// A version that is ready to take over from the one that runs.
pub(crate) trait Staged: Send {
    fn digest(&self) -> &str;

    /// The digest of the version that runs.
    fn before(&self) -> &str;

    /// It takes over with an epoch; `in_place`: nothing can be computed again.
    fn arm(&self, from: u64, in_place: bool);

    /// Why it was taken back, if it was.
    fn fault(&self) -> Option<String>;

    /// How long a lane was busy with taking it, at most.
    fn pause(&self) -> Duration;

    /// Its first epoch is computed: it can be taken back no more, unless it was by now: `false`.
    fn prove(&self) -> bool;

    /// Takes it back for the fault of another one that was to take over with it.
    fn withdraw(&self, reason: &str);

    /// It is the one that runs.
    fn settle(&self);

    /// The other one goes on.
    fn revert(&self);
}

/// See [`Staged`].
struct StagedVersion<T> {
    versions: Arc<Versions<T>>,
    version: Arc<Version<T>>,
    before: String,
}

// === impl Versions ===

impl<T: Send + 'static> Replaceable for Versions<T> {
    fn digest(&self) -> String {
        self.current().plugin().digest().to_owned()
    }

    fn plugin(&self) -> String {
        self.current().plugin().name().to_owned()
    }

    fn set_strict(&self, strict: bool) {
        Self::set_strict(self, strict);
    }

    fn set_meter(&self, meter: Arc<PluginMeter>) {
        self.meter.set(meter);
    }

    fn begin_probation(&self) {
        self.current().set_on_probation(Standing::OnProbation);
    }

    fn end_probation(&self) -> Result<(), String> {
        let version = self.current();
        match version.prove() {
            true => Ok(()),
            false => Err(version.why_withdrawn().unwrap_or_default()),
        }
    }

    fn stage(
        self: Arc<Self>,
        component: &Component,
        lanes: usize,
    ) -> Result<Option<Box<dyn Staged>>, String> {
        let plugin = self.load(component)?;
        let before = Replaceable::digest(&*self);
        if plugin.digest() == before {
            return Ok(None);
        }
        let mut ready = Vec::new();
        let instances = lanes * self.terms.instances;
        for _ in 0..instances.max(1) {
            let mut instance = (self.terms.open)(&plugin).map_err(|error| error.to_string())?;
            (self.terms.fits)(&instance)?;
            self.warm_up(&mut instance)?;
            if instances > 0 {
                ready.push(instance);
            }
        }
        let version = Version::new(plugin, self.terms.open.clone(), ready);
        Ok(Some(Box::new(StagedVersion {
            version: Arc::new(version),
            versions: self,
            before,
        })))
    }

    fn shadow(&self, component: &Component) -> Result<bool, String> {
        if !self.terms.can_shadow {
            return Err(format!(
                "a {1} has no shadow, and `{0}` runs one: its calls have an effect",
                self.terms.name,
                self.terms.world.name()
            ));
        }
        let plugin = self.load(component)?;
        let instance = (self.terms.open)(&plugin).map_err(|error| error.to_string())?;
        (self.terms.fits)(&instance)?;
        let shadow =
            Shadow::start(&self.terms.name, instance).map_err(|error| error.to_string())?;
        let component = Component {
            sha256: Some(plugin.digest().to_owned()),
            ..component.clone()
        };
        let name = component.name.clone();
        let begins = self.begin_shadow(shadow, component);
        if begins {
            tracing::info!(
                event = "shadow-begins",
                node = &*self.terms.name,
                version = short(plugin.digest()),
                "node `{}`: {name} runs beside the plugin that serves: sha256 {}",
                self.terms.name,
                plugin.digest()
            );
        }
        Ok(begins)
    }

    fn shadowing(&self) -> Option<Shadowing> {
        let (shadow, component) = self.shadow_of()?;
        Some(Shadowing {
            digest: component.sha256.clone().unwrap_or_default(),
            compared: shadow.compared(),
            component,
        })
    }

    fn why_shadow_ended(&self) -> Option<String> {
        Self::why_shadow_ended(self)
    }

    fn end_shadow(&self, why: &str) -> bool {
        Self::end_shadow(self, why)
    }

    fn tell_shadow_ended(&self, why: &str) {
        Self::tell_shadow_ended(self, why);
    }
}

impl<T> Versions<T> {
    fn load(&self, component: &Component) -> Result<Plugin, String> {
        let (terms, name) = (&self.terms, &component.name);
        if let Some(asked) = &component.sha256 {
            let digest = azud_sandbox::digest(&component.bytes);
            if !asked.eq_ignore_ascii_case(&digest) {
                return Err(format!(
                    "{name} has the sha256 {digest}, and --sha256 (`?sha256=` of the request) says \
                     {}: send the component that was meant, or its own sha256",
                    azud_sandbox::escaped(asked)
                ));
            }
        }
        let plugin = Plugin::from_bytes(&terms.sandbox, name, &component.bytes, None);
        let plugin = plugin.map_err(|error| error.to_string())?;
        let digest = plugin.digest();
        let mut pinned = terms.pinned.iter();
        if let Some(pinned) = pinned.find(|pinned| !pinned.eq_ignore_ascii_case(digest)) {
            return Err(format!(
                "the manifest pins the plugin of `{}` to sha256 {pinned}, and `{name}` has {digest}: \
                 change `sha256` there",
                terms.name
            ));
        }
        if terms.world == World::Sink && plugin.is(World::TransactionalSink) {
            return Err(format!(
                "`{name}` writes in transactions, and the one before does not: start the pipeline \
                 with it"
            ));
        }
        if !plugin.is(terms.world) {
            return Err(format!(
                "`{name}` is of the kind {}, and `{}` runs one of the kind {}",
                plugin.world().name(),
                terms.name,
                terms.world.name()
            ));
        }
        let mut ungranted = terms.ungranted.iter();
        if let Some((_, grant, what)) = ungranted.find(|need| plugin.imports(need.0)) {
            return Err(format!(
                "`{name}` {what}, and the plugin of `{}` has no grant `{grant}`",
                terms.name
            ));
        }
        Ok(plugin)
    }

    /// Its pages are there, its memory has grown, and it does not fail at once.
    fn warm_up(&self, instance: &mut T) -> Result<(), String> {
        let Some(rows) = self.sample() else {
            return Ok(());
        };
        match (self.terms.tries)(instance, &rows) {
            Ok(()) | Err(GuestError::Failed(_)) => Ok(()),
            Err(error) => Err(format!(
                "it fails on a batch of {} rows that `{}` was given last: {error}",
                rows.num_rows(),
                self.terms.name
            )),
        }
    }
}

// === impl StagedVersion ===

impl<T: Send + 'static> Staged for StagedVersion<T> {
    fn digest(&self) -> &str {
        self.version.plugin().digest()
    }

    fn before(&self) -> &str {
        &self.before
    }

    fn arm(&self, from: u64, in_place: bool) {
        let standing = match in_place {
            true => Standing::OnProbationInPlace,
            false => Standing::OnProbation,
        };
        self.versions.arm(self.version.clone(), from, standing);
    }

    fn fault(&self) -> Option<String> {
        self.version.why_withdrawn()
    }

    fn pause(&self) -> Duration {
        self.version.pause()
    }

    fn prove(&self) -> bool {
        self.version.prove()
    }

    fn withdraw(&self, reason: &str) {
        self.version.withdraw_with(reason);
    }

    fn settle(&self) {
        self.versions.settle();
    }

    fn revert(&self) {
        self.versions.revert();
    }
}
