//! A pipeline as one of several that share a source.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// The membership of a source in a group whose members share its partitions. What it is only the
/// connector knows; its sink is given it, and commits positions as that member.
#[derive(Clone)]
pub struct Group(Arc<dyn Any + Send + Sync>);

// === impl Group ===

impl Group {
    /// A membership as a connector knows it.
    pub fn new<T: Any + Send + Sync>(member: Arc<T>) -> Self {
        Self(member)
    }

    /// What the connector knows, if it is of that connector.
    pub fn member<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.0.clone().downcast().ok()
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Group")
    }
}
