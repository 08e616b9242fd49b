//! Manifests as users write them, good and bad.

#[cfg(test)]
#[expect(dead_code, reason = "the options are there for their schemas")]
mod connectors;
#[cfg(test)]
mod invalid;
#[cfg(test)]
mod never_panics;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod valid;
