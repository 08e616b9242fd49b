//! What a keyed plugin names in `open`, checked against its input.

use arrow::datatypes::{DataType, Schema, SchemaRef, TimeUnit};

use super::state::{self, KeyedState};
use crate::{
    GuestError,
    bindings::keyed::exports::azud::plugin::keyed as wit,
    schema::{self, announced},
};

/// What a plugin reads, keeps and answers with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Opened {
    pub(crate) reads: Vec<usize>,
    /// The layout in which each of `reads` is sent.
    pub(crate) layouts: Vec<DataType>,
    pub(crate) states: Vec<KeyedState>,
    /// For each state, the columns by which an entry of a map is named.
    pub(crate) entries: Vec<SchemaRef>,
    pub(crate) output: SchemaRef,
    pub(crate) event_time: Option<usize>,
    pub(crate) event_timers: bool,
    pub(crate) pending_timers: bool,
}

// === impl Opened ===

impl Opened {
    pub(crate) fn check(
        opened: wit::Opened,
        input: &Schema,
        key: &[usize],
    ) -> Result<Self, GuestError> {
        let count = input.fields().len();
        let mut reads = Vec::new();
        for column in opened.reads {
            let column = column as usize;
            if column >= count {
                return Err(GuestError::invalid(format!(
                    "`open` reads column {column} of an input of {count} columns"
                )));
            }
            if reads.contains(&column) {
                return Err(GuestError::invalid(format!(
                    "`open` reads column {column} twice"
                )));
            }
            reads.push(column);
        }
        let states = state::check(&opened.states, input, key, "`open`")?;
        let output = announced(&opened.output, "output")?;
        let event_time = opened.event_time.map(|column| column as usize);
        if let Some(column) = event_time {
            let field = output.fields().get(column);
            let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
            if field.is_none_or(|field| *field.data_type() != time) {
                return Err(GuestError::invalid(format!(
                    "column {column} of the output is no timestamp in microseconds (`tsu:UTC`), \
                     and `open` says that it is the event time"
                )));
            }
        }
        Ok(Self {
            layouts: reads
                .iter()
                .filter_map(|column| schema::physical(input.fields().get(*column)?.data_type()))
                .collect(),
            reads,
            entries: states.iter().map(KeyedState::entry).collect(),
            states,
            output,
            event_time,
            event_timers: opened.event_timers,
            pending_timers: opened.pending_timers,
        })
    }
}
