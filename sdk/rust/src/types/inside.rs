//! Who may read a column's buffers: this crate.

/// Proof that a call comes from within this crate. Nobody else can name it or
/// make one, so nobody else can call, or implement, what takes one.
#[derive(Clone, Copy)]
pub struct Inside(());

// === impl Inside ===

impl Inside {
    /// Whoever makes one has buffers of the type that they are read as.
    pub(crate) const PROOF: Self = Self(());
}
