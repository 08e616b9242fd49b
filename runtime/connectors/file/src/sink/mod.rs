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
//!
//! With a checkpoint a list, and a batch's `_SUCCESS`, name the run too: run and
//! epoch together say what is committed. After a crash `recover` holds what is
//! there against them, and `again` finishes the commit of the recorded epoch. A
//! rolling file that was open ends with it: the recorded bytes become visible,
//! and what followed them is cut off. `read_back` lists dead letters.

mod again;
mod aside;
mod batches;
mod file_sink;
mod hidden;
mod keep;
mod lock;
mod log;
mod make;
mod paths;
mod read_back;
mod recover;
mod staged;
mod steps;
mod strangers;
mod table;
mod table_again;
mod writer;

pub(crate) use make::make;
pub(crate) use recover::{Why, refused};

#[cfg(test)]
mod probe;
#[cfg(test)]
mod tests;
