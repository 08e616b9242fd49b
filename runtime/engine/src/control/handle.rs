//! What a running pipeline is asked from outside.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use azud_connect::fault_point;

use azud_manifest::Manifest;
use tokio::runtime::Builder;

use crate::change::{Asked, Changes, Changing, may};
use crate::plan::Plan;
use crate::replay::Replays;
use crate::swap::{Compared, Replaceable, Replacement, Swaps};
use crate::tap::Taps;
use crate::telemetry::{Observed, Readiness, Telemetry};

/// How long is waited for a run that is about to begin.
const BEGINS: Duration = Duration::from_secs(10);

/// Asks a pipeline that runs in this process; cheap to clone. Give it to
/// [`crate::RunOptions::control`]; until the run has begun, and after it, it answers
/// [`ReloadError::Ended`].
#[derive(Clone, Default)]
pub struct Control(Arc<Shared>);

/// Where a run is, and who waits for it to begin.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    begun: Condvar,
    /// Of all attempts and plans.
    taps: Arc<Taps>,
    telemetry: Arc<Telemetry>,
}

/// Where a run is.
#[derive(Default)]
enum State {
    #[default]
    Starting,
    Running(Running),
    Ended,
}

/// Plugins of one name: several where a query calls a function for several types.
type Alike = Vec<Arc<dyn Replaceable>>;

/// A run, as it can be asked.
#[derive(Clone)]
pub(crate) struct Running {
    pub(crate) plan: Arc<Plan>,
    /// By the name that records have: the node, or `node.function`.
    pub(crate) replaceable: BTreeMap<Arc<str>, Alike>,
    pub(crate) swaps: Arc<Swaps>,
    pub(crate) changing: Arc<Changing>,
    /// Dead letters that are to be replayed.
    pub(crate) replays: Arc<Replays>,
}

/// A component that is to take over.
#[derive(Clone, Debug)]
pub struct Component {
    /// What messages call it: its path.
    pub name: String,
    /// The component itself.
    pub bytes: Arc<[u8]>,
    /// What it is expected to be.
    pub sha256: Option<String>,
}

/// Nodes, and what is to run there from now on: all of them from the same epoch on, or none.
#[derive(Clone, Debug, Default)]
pub struct Reload {
    /// By the node's name, or `node.function` for one of several aggregates that it calls.
    pub nodes: BTreeMap<String, Component>,
}

/// What came of a version that runs beside the one that serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shadowed {
    /// The sha256 of the version that serves.
    pub before: String,
    /// Of the one beside it.
    pub now: String,
    /// What was compared.
    pub compared: Compared,
}

/// How a reload went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// The new versions run; the first epoch that is theirs is recorded.
    Runs {
        /// That epoch.
        from: u64,
        /// How long a lane was busy with it, at most; `None` where lanes have begun anew.
        pause: Option<Duration>,
    },
    /// They ran already.
    Unchanged,
}

/// Why the old versions go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReloadError {
    /// No node of that name runs a plugin.
    NoNode(String),
    /// It cannot take over, for this reason.
    Refused(String),
    /// It took over, failed before its first epoch was recorded, and the old one computed that
    /// epoch again.
    TakenBack(String),
    /// Another reload is under way.
    Busy,
    /// The pipeline has ended, or not yet begun.
    Ended,
}

// === impl Control ===

impl Control {
    /// Of a pipeline of that name.
    pub fn of(name: &str) -> Self {
        let control = Self::default();
        control.0.telemetry.set_name(name);
        control
    }

    /// Lets other versions take over: compiles and tries them beside the pipeline, waits for the
    /// end of the epoch, and then until the first epoch of the new versions is recorded. With
    /// `continuous` an epoch ends for it at once, else with the next tick.
    ///
    /// # Errors
    /// Why the old versions go on; nothing is lost or doubled then.
    pub async fn reload(&self, reload: Reload) -> Result<Reloaded, ReloadError> {
        let control = self.clone();
        // Compiling takes its time.
        let reloaded = tokio::task::spawn_blocking(move || control.reload_and_wait(&reload));
        let reloaded = reloaded.await.unwrap_or(Err(ReloadError::Ended));
        if let Err(refused @ (ReloadError::NoNode(_) | ReloadError::Refused(_))) = &reloaded {
            tracing::warn!("a version of a plugin was sent, and is refused: {refused}");
        }
        reloaded
    }

    /// The same, blocking: not to be called by a thread of an async runtime.
    ///
    /// # Errors
    /// As [`Self::reload`].
    pub fn reload_and_wait(&self, reload: &Reload) -> Result<Reloaded, ReloadError> {
        let running = self.begun().ok_or(ReloadError::Ended)?;
        // Others wait until it is known what this one comes to: it takes memory and time.
        let swaps = running.swaps.clone();
        let slot = swaps.reserve()?;
        // A change may just have ended.
        let running = self.running().ok_or(ReloadError::Ended)?;
        let staged = running.stage(reload)?;
        if staged.is_empty() {
            return Ok(Reloaded::Unchanged);
        }
        fault_point("after-staging");
        let answered = swaps.ask(slot, staged)?;
        answered.blocking_recv().unwrap_or(Err(ReloadError::Ended))
    }

    /// Lets a component run beside the version that serves, until it is promoted or forgotten; one
    /// that did so before is forgotten. Blocks, for as long as compiling takes.
    ///
    /// # Errors
    /// Why it cannot; a sink never can.
    pub fn shadow_and_wait(&self, node: &str, component: &Component) -> Result<(), ReloadError> {
        let running = self.begun().ok_or(ReloadError::Ended)?;
        let replaceable = running.only(node)?;
        let shadow = replaceable.shadow(component);
        shadow.map_err(|why| ReloadError::Refused(format!("node `{node}`: {why}")))
    }

    /// What came of the version beside a node's so far.
    ///
    /// # Errors
    /// Where there is none.
    pub fn shadowed(&self, node: &str) -> Result<Shadowed, ReloadError> {
        let running = self.running().ok_or(ReloadError::Ended)?;
        let replaceable = running.only(node)?;
        let shadowing = replaceable.shadowing().ok_or_else(|| no_shadow(node))?;
        Ok(Shadowed {
            before: replaceable.digest(),
            now: shadowing.digest,
            compared: shadowing.compared,
        })
    }

    /// Lets the version beside a node's take over, as [`Self::reload_and_wait`] does.
    ///
    /// # Errors
    /// As there; the version stays beside the other then.
    pub fn promote_and_wait(&self, node: &str) -> Result<Reloaded, ReloadError> {
        let running = self.begun().ok_or(ReloadError::Ended)?;
        let replaceable = running.only(node)?;
        let shadowing = replaceable.shadowing().ok_or_else(|| no_shadow(node))?;
        let nodes = BTreeMap::from([(node.to_owned(), shadowing.component)]);
        let reloaded = self.reload_and_wait(&Reload { nodes })?;
        replaceable.end_shadow();
        Ok(reloaded)
    }

    /// Ends what runs beside a node's version.
    ///
    /// # Errors
    /// Where there is none.
    pub fn forget(&self, node: &str) -> Result<(), ReloadError> {
        let running = self.running().ok_or(ReloadError::Ended)?;
        let replaceable = running.only(node)?;
        replaceable.shadowing().ok_or_else(|| no_shadow(node))?;
        replaceable.end_shadow();
        Ok(())
    }

    /// Whether a manifest is one that could take over, before a plan is made of it: that may find
    /// what this pipeline has in use.
    ///
    /// # Errors
    /// Why it cannot take over at all.
    pub fn may_change(&self, manifest: &Manifest) -> Result<(), ReloadError> {
        let running = self.begun().ok_or(ReloadError::Ended)?;
        let may = may(&running.plan, manifest);
        may.map(|_| ()).map_err(ReloadError::Refused)
    }

    /// What differs between the plan that runs and another one, and what of the checkpoint fits
    /// that; blocks for as long as reading there takes.
    ///
    /// # Errors
    /// Why the other one cannot take over at all.
    pub fn changes(&self, plan: &Plan) -> Result<Changes, ReloadError> {
        let running = self.running().ok_or(ReloadError::Ended)?;
        running.changes(plan)
    }

    /// Lets another plan take over from the one that runs, of the same pipeline and checkpoint: at
    /// the end of the epoch that is under way. Nodes that are the same keep their connections and
    /// state. Blocks until the first epoch of the new plan is recorded; until then whatever fails
    /// brings the old one back. Nodes of `allow_reset` may begin anew. Answers what has changed.
    ///
    /// # Errors
    /// Why the old plan goes on. What was read meanwhile is computed again; only a source that
    /// cannot be asked again, and has no journal, has lost it.
    pub fn change_and_wait(
        &self,
        plan: Plan,
        allow_reset: &[String],
    ) -> Result<(Changes, Reloaded), ReloadError> {
        let running = self.begun().ok_or(ReloadError::Ended)?;
        // Nothing else is changed until it is known what this one comes to.
        let swaps = running.swaps.clone();
        let _slot = swaps.reserve()?;
        let running = self.running().ok_or(ReloadError::Ended)?;
        let changes = running.changes(&plan)?;
        let before = &running.plan;
        let allowed = changes.allowed(before, &plan, allow_reset);
        allowed.map_err(ReloadError::Refused)?;
        if changes.is_empty() {
            return Ok((changes, Reloaded::Unchanged));
        }
        let asked = Asked {
            plan,
            changes: changes.clone(),
            resets: allow_reset.to_vec(),
        };
        let answered = running.changing.ask(asked)?;
        let answer = answered.blocking_recv().unwrap_or(Err(ReloadError::Ended));
        Ok((changes, answer?))
    }

    /// Whether a reload or a change is under way.
    pub fn is_busy(&self) -> bool {
        let running = self.running();
        running.is_some_and(|running| running.swaps.is_busy())
    }

    /// The manifest that runs.
    pub fn manifest(&self) -> Option<Arc<Manifest>> {
        Some(self.running()?.plan.manifest.clone())
    }

    /// Whether the run has not begun.
    pub fn is_starting(&self) -> bool {
        matches!(&*self.lock(), State::Starting)
    }

    /// Every node with a plugin: its name, the plugin's path and sha256.
    pub fn plugins(&self) -> Vec<(String, String, String)> {
        let running = self.running();
        let replaceable = running.iter().flat_map(|running| &running.replaceable);
        let first = replaceable.filter_map(|(name, of)| Some((name, of.first()?)));
        first
            .map(|(name, of)| (name.to_string(), of.plugin(), of.digest()))
            .collect()
    }

    /// What the run measures at this moment: also while an epoch hangs.
    pub fn observe(&self) -> Observed {
        self.0.telemetry.observe()
    }

    /// The same, and more, as metrics: the text of OpenMetrics 1.0.
    pub fn metrics(&self) -> String {
        self.0.telemetry.metrics(self.running().as_ref())
    }

    /// Whether it reads.
    pub fn readiness(&self) -> Readiness {
        match &*self.lock() {
            State::Ended => Readiness::NotReady("it has ended".to_owned()),
            State::Starting | State::Running(_) => self.0.telemetry.readiness(),
        }
    }

    pub(crate) fn telemetry(&self) -> &Arc<Telemetry> {
        &self.0.telemetry
    }

    pub(crate) fn begin(&self, running: Running) {
        self.0.telemetry.begin(&running.plan);
        *self.lock() = State::Running(running);
        self.0.begun.notify_all();
    }

    pub(crate) fn end(&self) {
        if let State::Running(running) = std::mem::replace(&mut *self.lock(), State::Ended) {
            running.swaps.end();
            running.changing.end();
            running.replays.end();
        }
        self.0.taps.end();
        self.0.begun.notify_all();
    }

    /// Where rows can be looked at.
    pub(crate) fn taps(&self) -> &Arc<Taps> {
        &self.0.taps
    }

    /// The run, which is waited for where it is about to begin. Blocks.
    pub(crate) fn begun(&self) -> Option<Running> {
        let is_starting = |state: &mut State| matches!(state, State::Starting);
        let waited = self
            .0
            .begun
            .wait_timeout_while(self.lock(), BEGINS, is_starting);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.running()
    }

    pub(crate) fn running(&self) -> Option<Running> {
        self.lock().running()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

// === impl State ===

impl State {
    fn running(&self) -> Option<Running> {
        match self {
            Self::Running(running) => Some(running.clone()),
            Self::Starting | Self::Ended => None,
        }
    }
}

// === impl Running ===

impl Running {
    fn changes(&self, plan: &Plan) -> Result<Changes, ReloadError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| ReloadError::Refused(error.to_string()))?;
        let changes = runtime.block_on(Changes::of_running(&self.plan, plan));
        changes.map_err(ReloadError::Refused)
    }

    fn stage(&self, reload: &Reload) -> Result<Vec<Replacement>, ReloadError> {
        let mut staged = Vec::new();
        for (node, component) in &reload.nodes {
            let (name, replaceable) = self.find(node)?;
            for one in replaceable {
                let one = one.stage(component, self.plan.lanes);
                let one =
                    one.map_err(|why| ReloadError::Refused(format!("node `{node}`: {why}")))?;
                staged.extend(one.map(|one| (name.clone(), one)));
            }
        }
        Ok(staged)
    }

    /// A node that calls one aggregate is known by its own name, too.
    fn find(&self, node: &str) -> Result<(Arc<str>, Alike), ReloadError> {
        if let Some((name, found)) = self.replaceable.get_key_value(node) {
            return Ok((name.clone(), found.clone()));
        }
        let of_node = |name: &Arc<str>| name.split_once('.').is_some_and(|(of, _)| of == node);
        let own = self.replaceable.iter().filter(|(name, _)| of_node(name));
        let own: Vec<_> = own.collect();
        match own.as_slice() {
            [(name, found)] => Ok(((*name).clone(), (*found).clone())),
            [] => Err(ReloadError::NoNode(self.no_node(node))),
            several => {
                let names = several.iter().map(|(name, _)| format!("`{name}`"));
                let names: Vec<String> = names.collect();
                let names = names.join(", ");
                Err(ReloadError::NoNode(format!(
                    "`{node}` calls several plugins: name one of {names}"
                )))
            }
        }
    }

    /// The one plugin of a node.
    fn only(&self, node: &str) -> Result<Arc<dyn Replaceable>, ReloadError> {
        let (name, found) = self.find(node)?;
        match found.as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(ReloadError::NoNode(self.no_node(node))),
            several => Err(ReloadError::Refused(format!(
                "the query calls `{name}` for {} types of arguments, and a version beside it would \
                 be compared for one of them: try it with `azud test`, or let it take over",
                several.len()
            ))),
        }
    }

    fn no_node(&self, node: &str) -> String {
        let names = self.replaceable.keys().map(|name| format!("`{name}`"));
        let names: Vec<String> = names.collect();
        match names.is_empty() {
            true => format!("no node `{node}` with a plugin: the pipeline has none"),
            false => format!(
                "no node `{node}` with a plugin: there are {}",
                names.join(", ")
            ),
        }
    }
}

fn no_shadow(node: &str) -> ReloadError {
    ReloadError::NoNode(format!(
        "nothing runs beside the plugin of `{node}`: `azud reload --shadow 1m {node} x.wasm` begins it"
    ))
}

// === impl ReloadError ===

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNode(why) | Self::Refused(why) => f.write_str(why),
            Self::TakenBack(why) => write!(f, "taken back, and the version before goes on: {why}"),
            Self::Busy => f.write_str("another reload is under way: ask again when it has ended"),
            Self::Ended => f.write_str("the pipeline does not run"),
        }
    }
}

impl std::error::Error for ReloadError {}
