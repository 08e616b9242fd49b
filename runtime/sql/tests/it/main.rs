//! Queries run whole: the golden cases, properties against an oracle, speed.

mod api;
mod cases;
mod properties;
mod speed;
mod support;
