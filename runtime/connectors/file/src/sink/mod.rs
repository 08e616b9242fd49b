//! The sink: hidden files while an epoch runs, renamed at its commit.
//!
//! What writers make lies in a hidden folder beside its later place
//! (`<path>/_azud/tmp`, for batches `<parent>/.<name>-azud`), so that a rename
//! makes it visible. `<path>/_azud/<epoch>.json` lists what an epoch committed:
//!
//! ```json
//! {"version":1,"epoch":3,"mode":"append","files":[{"name":"part-3-0.json","rows":10,"bytes":1234}]}
//! ```
//!
//! With mode `complete` the highest epoch's list is the whole table; with
//! `append` all lists together are.

mod batches;
mod keep;
mod lock;
mod log;
mod make;
mod paths;
mod staged;
mod table;
mod writer;

pub(crate) use make::make;

#[cfg(test)]
mod tests;
