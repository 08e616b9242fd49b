//! A registry that answers, one that does not, and readers between.

mod client;
mod reader;
mod server;
