//! What a join computes.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use azud_model::{Error, KEY_GROUP, ORDER};
use datafusion_common::Result;
use datafusion_common::tree_node::{Transformed, TreeNode as _};
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::expressions::Column;
use datafusion_physical_expr::utils::collect_columns;

use crate::StateShape;
use crate::project::record_batch;
use crate::state_rows::time_type;

/// Which rows a join gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// Pairs that match.
    Inner,
    /// These, and rows of the left side that nothing matches, once nothing can.
    Left,
    /// The same of the right side.
    Right,
    /// The same of both sides.
    Full,
    /// Rows of the left side that something matches, once each.
    LeftSemi,
    /// Those that nothing matches: only where the right side is a table.
    LeftAnti,
}

/// One of the two sides of a join.
#[derive(Clone, Debug)]
pub struct JoinSide {
    /// The columns that its rows come with: the keys of both sides in the same types, then, if
    /// rows expire, a timestamp in microseconds, then what the join gives.
    pub schema: SchemaRef,
    /// A row can match no row that is not late, once the watermark is so many microseconds
    /// beyond its timestamp: `None` if rows are kept for ever.
    pub reach: Option<i64>,
}

/// What must be true of a pair besides equal keys.
#[derive(Debug)]
pub struct PairFilter {
    /// The columns that it reads, of the left side and then of the right.
    pub(super) columns: Vec<usize>,
    pub(super) schema: SchemaRef,
    /// Over these columns.
    pub(super) condition: Arc<dyn PhysicalExpr>,
}

/// A join of two streams, or of a stream and a table, by keys that are equal.
#[derive(Debug)]
pub struct JoinPlan {
    /// Which rows it gives.
    pub kind: JoinKind,
    /// How many keys there are.
    pub keys: usize,
    /// Whether null is a key as any other, and not equal to nothing.
    pub null_equals_null: bool,
    /// The left side and the right.
    pub sides: [JoinSide; 2],
    /// What else must be true of a pair.
    pub filter: Option<PairFilter>,
    /// The columns that it gives: those of the left side, then, unless it is
    /// [`JoinKind::LeftSemi`] or [`JoinKind::LeftAnti`], those of the right.
    pub output: SchemaRef,
    /// What is computed, in words.
    pub computes: String,
}

/// The left side's number.
pub(super) const LEFT: usize = 0;

/// When it expires, and its side, come before the keys of both sides.
pub(super) const BEFORE_KEYS: usize = 2;

// === impl PairFilter ===

impl PairFilter {
    /// `condition` is over the columns of the left side and then of the right: `pairs`.
    ///
    /// # Errors
    /// If it reads a column that is not there.
    pub fn new(condition: Arc<dyn PhysicalExpr>, pairs: &Schema) -> Result<Self> {
        let read = collect_columns(&condition);
        let columns: BTreeSet<usize> = read.iter().map(Column::index).collect();
        let columns: Vec<usize> = columns.into_iter().collect();
        let condition = condition.transform(|part| {
            let Some(column) = part.downcast_ref::<Column>() else {
                return Ok(Transformed::no(part));
            };
            let place = columns.binary_search(&column.index()).unwrap_or(0);
            let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(column.name(), place));
            Ok(Transformed::yes(column))
        })?;
        let schema = pairs.project(&columns)?;
        Ok(Self {
            columns,
            schema: Arc::new(schema),
            condition: condition.data,
        })
    }
}

// === impl JoinKind ===

impl JoinKind {
    /// Whether rows of a side are given alone, once nothing can match them.
    pub(super) fn keeps(self, side: usize) -> bool {
        match self {
            Self::Full => true,
            Self::Left => side == LEFT,
            Self::Right => side != LEFT,
            Self::Inner | Self::LeftSemi | Self::LeftAnti => false,
        }
    }

    /// Whether it gives the columns of the left side alone.
    pub(super) fn gives_left_only(self) -> bool {
        matches!(self, Self::LeftSemi | Self::LeftAnti)
    }
}

// === impl JoinSide ===

impl JoinSide {
    /// How many columns come before those that the join gives.
    pub(super) fn hidden(&self, keys: usize) -> usize {
        keys + usize::from(self.reach.is_some())
    }

    /// The fields that the join gives.
    pub(super) fn fields(&self, keys: usize) -> &[Arc<Field>] {
        let fields = self.schema.fields();
        fields.get(self.hidden(keys)..).unwrap_or_default()
    }

    /// The columns that the join gives, of rows as they came.
    pub(super) fn own<'a>(&self, keys: usize, rows: &'a RecordBatch) -> &'a [ArrayRef] {
        rows.columns().get(self.hidden(keys)..).unwrap_or_default()
    }
}

// === impl JoinPlan ===

impl JoinPlan {
    /// # Errors
    /// `Invalid` if the sides cannot be compared.
    pub fn check(&self) -> azud_model::Result<()> {
        let [left, right] = &self.sides;
        let key = |side: &JoinSide, number| -> Option<DataType> {
            let field: &Arc<Field> = side.schema.fields().get(number)?;
            Some(field.data_type().clone())
        };
        for number in 0..self.keys {
            let (left, right) = (key(left, number), key(right, number));
            if left != right {
                let name = |of: Option<DataType>| of.map_or_else(String::new, |of| of.to_string());
                return Err(Error::invalid(format!(
                    "rows cannot be joined by {} and {}",
                    name(left),
                    name(right)
                )));
            }
        }
        Ok(())
    }

    pub(super) fn side(&self, number: usize) -> &JoinSide {
        let [left, right] = &self.sides;
        match number {
            LEFT => left,
            _ => right,
        }
    }

    /// The fields of the keys.
    pub(super) fn key_fields(&self) -> &[Arc<Field>] {
        let fields = self.side(LEFT).schema.fields();
        fields.get(..self.keys).unwrap_or_default()
    }

    /// Columns of the left side and the right, side by side.
    pub(super) fn pairs(
        &self,
        mut left: Vec<ArrayRef>,
        right: Vec<ArrayRef>,
        rows: usize,
    ) -> Result<RecordBatch> {
        left.extend(right);
        record_batch(&self.pair_schema(), left, rows)
    }

    /// The columns of both sides.
    fn pair_schema(&self) -> SchemaRef {
        if !self.kind.gives_left_only() {
            return self.output.clone();
        }
        let [left, right] = &self.sides;
        let fields = [left, right].map(|side| side.fields(self.keys).to_vec());
        Arc::new(Schema::new(fields.concat()))
    }

    /// Rows of state: when they expire, whose they are, their keys and their number are the key;
    /// then whether they were matched, the columns of the left side and those of the right.
    pub(super) fn shape(&self) -> StateShape {
        let mut fields = vec![
            Arc::new(Field::new(KEY_GROUP, DataType::UInt8, false)),
            Arc::new(Field::new(ORDER, DataType::UInt64, false)),
            Arc::new(Field::new("expires", time_type(), false)),
            Arc::new(Field::new("is_right", DataType::Boolean, false)),
        ];
        fields.extend(self.key_fields().iter().cloned());
        fields.push(Arc::new(Field::new("row", DataType::UInt64, false)));
        fields.push(Arc::new(Field::new("is_matched", DataType::Boolean, false)));
        for (side, name) in self.sides.iter().zip(["left", "right"]) {
            let own = side.fields(self.keys).iter().map(|field| {
                let name = format!("{name}.{}", field.name());
                Arc::new(Field::new(name, field.data_type().clone(), true))
            });
            fields.extend(own);
        }
        StateShape {
            schema: Arc::new(Schema::new(fields)),
            keys: BEFORE_KEYS + self.keys + 1,
            computes: self.computes.clone(),
        }
    }
}
