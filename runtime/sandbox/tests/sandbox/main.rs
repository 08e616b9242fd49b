//! Guests in the sandbox, as the engine runs them.

mod cache;
mod hostile;
mod limits;
mod load;
mod opens;
mod roundtrip;
mod support;
mod transform;
mod wasip2;
