//! The instance of a plugin that a lane calls.

use std::sync::Arc;

use arrow::array::RecordBatch;
use azud_connect::fault_point;
use azud_model::{Clock, Error, Result, SystemClock};
use azud_sandbox::GuestError;

use super::shadow::Shadow;
use super::version::{Standing, Version};
use super::versions::Versions;
use crate::telemetry::LaneMeter;

/// An instance of the version that a lane has come to.
pub(crate) struct InLane<T> {
    versions: Arc<Versions<T>>,
    version: Arc<Version<T>>,
    instance: T,
    /// The one before, while the version may be taken back on the spot.
    before: Option<(Arc<Version<T>>, T)>,
    has_gone_back: bool,
    /// Where calls are counted.
    meter: LaneMeter,
}

// === impl InLane ===

impl<T> InLane<T> {
    /// # Errors
    /// `Plugin` if it cannot be opened.
    pub(crate) fn new(versions: &Arc<Versions<T>>) -> Result<Self> {
        Self::of(versions, versions.current())
    }

    /// One of the version of an epoch; where that is not known, of the one that runs.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn at(versions: &Arc<Versions<T>>, epoch: Option<u64>) -> Result<Self> {
        Self::of(
            versions,
            epoch.map_or_else(|| versions.current(), |epoch| versions.of(epoch)),
        )
    }

    fn of(versions: &Arc<Versions<T>>, version: Arc<Version<T>>) -> Result<Self> {
        let open = |version: &Version<T>| {
            let instance = version.instance();
            let name = &versions.terms.name;
            instance.map_err(|error| Error::plugin(format!("node `{name}`: {error}")))
        };
        let before = match version.standing() {
            Standing::OnProbationInPlace => {
                let before = versions.current();
                let instance = open(&before)?;
                Some((before, instance))
            }
            _ => None,
        };
        Ok(Self {
            instance: open(&version)?,
            versions: versions.clone(),
            version,
            before,
            has_gone_back: false,
            meter: LaneMeter::new(versions.meter.get()),
        })
    }

    /// Keeps the instance for whoever asks next, if the version still runs.
    pub(crate) fn give_back(self) {
        if Arc::ptr_eq(&self.versions.current(), &self.version) {
            self.version.give_back(self.instance);
        }
    }

    /// A version that is called beside this one.
    pub(crate) fn shadow(&self) -> Option<Arc<Shadow<T>>> {
        self.versions.shadow()
    }

    pub(crate) fn get(&self) -> &T {
        &self.instance
    }

    /// The sha256 of the version.
    pub(crate) fn digest(&self) -> &str {
        self.version.plugin().digest()
    }

    /// What messages call the version: its path.
    pub(crate) fn plugin(&self) -> &str {
        self.version.plugin().name()
    }

    /// Calls the instance. What a version fails with on probation takes it back: the answer is
    /// the old one's where nothing can be computed again, else see [`Self::taken_back`].
    pub(crate) fn call<A>(
        &mut self,
        mut work: impl FnMut(&mut T) -> Result<A, GuestError>,
    ) -> Result<A, GuestError> {
        let standing = self.version.standing();
        if standing == Standing::Proven {
            return self.measured(&mut work);
        }
        if standing == Standing::Withdrawn && self.go_back() {
            return self.measured(&mut work);
        }
        let answer = self.measured(&mut work);
        match answer {
            // Unless it is proven by now.
            Err(error) if self.is_fault(&error) && self.version.withdraw(&error) => {
                match self.go_back() {
                    true => self.measured(&mut work),
                    false => Err(error),
                }
            }
            answer => answer,
        }
    }

    /// The same, but that the error is always told: of an instance that remembers what it was
    /// given, the one before has to be given it, too, if [`Self::has_gone_back`].
    pub(crate) fn call_once<A>(
        &mut self,
        work: impl FnOnce(&mut T) -> Result<A, GuestError>,
    ) -> Result<A, GuestError> {
        if self.version.standing() == Standing::Withdrawn && self.go_back() {
            let reason = "another lane has taken back this version".to_owned();
            return Err(GuestError::Trapped { reason });
        }
        let answer = self.measured(work);
        if let Err(error) = &answer
            && self.is_fault(error)
            && self.version.withdraw(error)
        {
            self.go_back();
        }
        answer
    }

    /// Whether a call has taken back the version since this was asked last.
    pub(crate) fn has_gone_back(&mut self) -> bool {
        std::mem::take(&mut self.has_gone_back)
    }

    /// Whether the version is on probation, or a shadow runs beside it.
    pub(crate) fn is_tried_out(&self) -> bool {
        self.version.standing() != Standing::Proven || self.shadow().is_some()
    }

    /// Whether a row that is rejected now stops the pipeline, or takes back the version.
    pub(crate) fn may_not_reject(&self) -> bool {
        self.version.standing() != Standing::Proven && self.versions.is_strict()
    }

    /// The error to return where the version was taken back and the epoch has to be computed
    /// again by the one before.
    pub(crate) fn taken_back(&self) -> Option<Error> {
        let fault = self.version.why_withdrawn()?;
        let name = &self.versions.terms.name;
        Some(Error::aborted(format!("node `{name}`: {fault}")))
    }

    /// The lane has ended an epoch: the version of the next one takes over, `true` where that is
    /// another one. `rows` are some that went well.
    ///
    /// # Errors
    /// `Aborted` if it cannot be opened: it is taken back, unless the lane can stay with the one
    /// before.
    pub(crate) fn end_epoch(&mut self, epoch: u64, rows: Option<RecordBatch>) -> Result<bool> {
        if let Some(rows) = rows {
            self.versions.show(rows);
        }
        if self.version.standing() == Standing::Withdrawn {
            self.go_back();
        }
        let version = self.versions.of(epoch + 1);
        if Arc::ptr_eq(&version, &self.version) {
            if self.version.standing() == Standing::Proven {
                self.before = None;
            }
            return Ok(false);
        }
        let clock = SystemClock::new();
        let in_place = version.standing() == Standing::OnProbationInPlace;
        let instance = match version.instance() {
            Ok(instance) => instance,
            Err(error) => {
                version.withdraw(&error);
                let name = &self.versions.terms.name;
                return match in_place {
                    true => Ok(false),
                    false => Err(Error::aborted(format!("node `{name}`: {error}"))),
                };
            }
        };
        let instance = std::mem::replace(&mut self.instance, instance);
        let before = std::mem::replace(&mut self.version, version);
        fault_point("after-swap-in-lane");
        match in_place {
            true => self.before = Some((before, instance)),
            false => before.replaced(instance),
        }
        self.version.paused(clock.elapsed());
        Ok(true)
    }

    fn measured<A>(
        &mut self,
        work: impl FnOnce(&mut T) -> Result<A, GuestError>,
    ) -> Result<A, GuestError> {
        let began = self.meter.begins();
        let answer = work(&mut self.instance);
        let memory = (self.versions.terms.memory)(&self.instance);
        self.meter.ends(began, &answer, memory);
        answer
    }

    fn is_fault(&self, error: &GuestError) -> bool {
        match error {
            GuestError::Failed(_) => self.versions.is_strict(),
            // Mistakes of the host, and of others.
            GuestError::Input { .. }
            | GuestError::Start { .. }
            | GuestError::Timeout { .. }
            | GuestError::Cancelled => false,
            _ => true,
        }
    }

    fn go_back(&mut self) -> bool {
        let Some((version, instance)) = self.before.take() else {
            return false;
        };
        self.version = version;
        self.instance = instance;
        self.has_gone_back = true;
        true
    }
}
