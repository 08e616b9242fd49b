//! The kit's own tests: toys that are right pass, and of those that are broken exactly
//! the cases fail that look for it.

mod sink;
mod sink_tests;
mod source;
mod source_tests;
