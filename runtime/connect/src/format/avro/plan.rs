//! How a value that was written by one schema becomes a value of a column.

use azud_model::TimestampUnit;

use super::literal::Literal;

/// What is read, and what becomes of it.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    /// Nothing is read: a null of that weight.
    Null(usize),
    Boolean,
    /// A number of 32 or of 64 bits; in that unit, where the column holds timestamps.
    Whole {
        is_int: bool,
        unit: TimestampUnit,
    },
    Float,
    Double,
    Text,
    Bytes,
    Fixed(usize),
    /// Of a fixed of that size, or of bytes.
    Decimal {
        size: Option<usize>,
        precision: u64,
    },
    /// The reader's symbol for each of the writer's, or the writer's, which it does not know.
    Enum(Vec<Result<String, String>>),
    Array(Box<Plan>),
    Map(Box<Plan>),
    Record(RecordPlan),
    /// One plan for each branch of the writer's, or why it cannot be read.
    Branch(Vec<Result<Plan, String>>),
    /// Of a struct of members this one; the others are nulls of that weight.
    Member {
        number: usize,
        others: usize,
        plan: Box<Plan>,
    },
}

/// A record: the writer's fields in their order, then what the writer did not have.
#[derive(Clone, Debug, Default)]
pub(super) struct RecordPlan {
    pub(super) steps: Vec<Step>,
    pub(super) defaults: Vec<(usize, Literal)>,
    /// What the defaults weigh.
    pub(super) weight: usize,
}

/// A field of the writer's.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// It becomes that field of the reader's.
    Read(usize, Plan),
    /// The reader has no such field; the writer's type is that.
    Skip(usize),
}
