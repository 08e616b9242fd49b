//! Windows of time: `window(time, '10 seconds', '5 seconds')`, and what their keys become.

use std::sync::Arc;

use super::session;
use arrow::array::{Array, ArrayRef, AsArray, StructArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Fields, TimeUnit, TimestampMicrosecondType};
use azud_operators::Windows;
use datafusion_common::{DataFusionError, Result, ScalarValue, exec_err, plan_err};
use datafusion_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// What `syntax::windows` makes of `window`: `azud_window(time, '10000000 10000000 0')`, which is
/// size, slide and start in microseconds.
pub(crate) const WINDOW: &str = "azud_window";

/// What `syntax::windows` makes of `session_window`: `azud_session(time, gap)`.
pub(crate) const SESSION: &str = "azud_session";

/// [`WindowFunction::last`].
const LAST: &str = "azud_window_last";

/// What is computed of a window's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part {
    /// `window(time, size, slide, start)`: the window that a time is in. Where it is in
    /// several, that is never computed for a row: an aggregate makes them of panes, and what
    /// reads them as rows is [expanded](crate::expand).
    Window,
    /// `window_time(window)`: the last moment of a window.
    Time,
    /// The same as a key of an aggregate over windows of any lengths.
    Last,
    /// The pane of a time.
    Pane(Lengths),
    /// The window that starts at a time.
    From(Lengths),
    /// `session_window(time, gap)`: the session that a time is in. That is an aggregate's key
    /// only, never computed for a row.
    Session,
    /// When a session of one row alone ends; null if its gap is not more than nothing.
    SessionEnd,
    /// A window of its start and its end.
    Between,
}

/// What windows are made with: size, slide and start in microseconds; and whether rows are of
/// one window each already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Lengths {
    size: i64,
    slide: i64,
    start: i64,
    by_start: bool,
}

/// A function of windows.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct WindowFunction {
    part: Part,
    signature: Signature,
}

/// The type of timestamps.
fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// Whether values of a type are windows.
pub(crate) fn is_window_type(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Struct(fields) if is_window(fields))
}

/// The type of windows: Spark's `struct<start, end>`.
pub(crate) fn window_type() -> DataType {
    DataType::Struct(fields())
}

fn fields() -> Fields {
    ["start", "end"]
        .map(|name| Field::new(name, instant(), true))
        .into_iter()
        .collect()
}

// === impl WindowFunction ===

impl WindowFunction {
    fn new(part: Part) -> Self {
        Self {
            part,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }

    /// What queries call.
    pub(super) fn all() -> [Self; 3] {
        [Part::Window, Part::Time, Part::Session].map(Self::new)
    }

    /// When a session of a row alone ends: its time, and its gap.
    pub(crate) fn session_end(time: Expr, gap: Expr) -> Expr {
        Arc::new(ScalarUDF::from(Self::new(Part::SessionEnd))).call(vec![time, gap])
    }

    /// The window from one time to another.
    pub(crate) fn between(start: Expr, end: Expr) -> Expr {
        Arc::new(ScalarUDF::from(Self::new(Part::Between))).call(vec![start, end])
    }

    /// The pane that a time is in, as a timestamp.
    pub(crate) fn pane(windows: Windows, time: Expr) -> Expr {
        Self::call(Part::Pane(Lengths::of(windows)), time)
    }

    /// The window that starts at a time.
    pub(crate) fn from(windows: Windows, start: Expr) -> Expr {
        Self::call(Part::From(Lengths::of(windows)), start)
    }

    /// The moment that a time or a window stands for.
    pub(crate) fn time(of: Expr) -> Expr {
        Self::call(Part::Time, of)
    }

    /// The last moment of a window, as the first key of an aggregate that groups by it.
    pub(crate) fn last(of: Expr) -> Expr {
        Self::call(Part::Last, of)
    }

    fn call(part: Part, of: Expr) -> Expr {
        Arc::new(ScalarUDF::from(Self::new(part))).call(vec![of])
    }
}

/// The time and the windows of a call of `window`; `None` for another expression.
pub(crate) fn window_call(expression: &Expr) -> Option<(&Expr, Windows)> {
    let Expr::ScalarFunction(call) = expression else {
        return None;
    };
    let [time, Expr::Literal(lengths, _)] = call.args.as_slice() else {
        return None;
    };
    if call.func.name() != WINDOW {
        return None;
    }
    Some((time, Lengths::read(lengths)?.windows().ok()?))
}

/// The window whose last moment is the key; `None` for another expression.
pub(crate) fn last_call(expression: &Expr) -> Option<&Expr> {
    match expression {
        Expr::ScalarFunction(call) if call.func.name() == LAST => call.args.first(),
        _ => None,
    }
}

/// The time and the gap of a call of `session_window`; `None` for another expression.
pub(crate) fn session_call(expression: &Expr) -> Option<(&Expr, &Expr)> {
    match expression {
        Expr::ScalarFunction(call) if call.func.name() == SESSION => match call.args.as_slice() {
            [time, gap] => Some((time, gap)),
            _ => None,
        },
        _ => None,
    }
}

impl ScalarUDFImpl for WindowFunction {
    fn name(&self) -> &str {
        match self.part {
            Part::Window => WINDOW,
            Part::Time => "window_time",
            Part::Last => LAST,
            Part::Pane(_) => "azud_pane",
            Part::From(_) => "azud_window_from",
            Part::Session => SESSION,
            Part::SessionEnd => "azud_session_end",
            Part::Between => "azud_window_between",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.part {
            Part::Window | Part::From(_) | Part::Session | Part::Between => window_type(),
            Part::Time | Part::Last | Part::Pane(_) | Part::SessionEnd => instant(),
        })
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let Some((time, lengths)) = types.split_first() else {
            return plan_err!("a window needs a time");
        };
        let time = match time {
            DataType::Struct(fields) if is_window(fields) => time.clone(),
            DataType::Timestamp(..) | DataType::Date32 | DataType::Utf8 | DataType::Null => {
                instant()
            }
            other => {
                return plan_err!("windows go by a timestamp, and this is {other}");
            }
        };
        let lengths = lengths.iter().map(|length| match (self.part, length) {
            (Part::Between, _) => instant(),
            (Part::Session | Part::SessionEnd, DataType::Interval(_)) => length.clone(),
            _ => DataType::Utf8,
        });
        Ok(std::iter::once(time).chain(lengths).collect())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(time) = args.args.first() else {
            return exec_err!("a window needs a time");
        };
        let times = times(&time.to_array(args.number_rows)?)?;
        let lengths = match self.part {
            Part::Time | Part::Last => return Ok(ColumnarValue::Array(Arc::new(times))),
            Part::Pane(lengths) | Part::From(lengths) => lengths,
            Part::Session => return exec_err!("a session is known of rows together: group by it"),
            Part::SessionEnd | Part::Between => {
                let Some(other) = args.args.get(1) else {
                    return exec_err!("a session needs a gap");
                };
                let other = other.to_array(args.number_rows)?;
                return Ok(ColumnarValue::Array(match self.part {
                    Part::Between => window(times, self::times(&other)?)?,
                    _ => Arc::new(session::ends(&times, &other)?),
                }));
            }
            Part::Window => match args.args.get(1) {
                Some(ColumnarValue::Scalar(lengths)) => match Lengths::read(lengths) {
                    Some(lengths) => lengths,
                    None => return exec_err!("a window has no lengths"),
                },
                _ => return exec_err!("a window's lengths must be constants"),
            },
        };
        let windows = lengths.windows()?;
        let panes: TimestampMicrosecondArray = match self.part {
            Part::From(_) => times,
            _ => times.unary(|time| windows.pane(time)),
        };
        let panes = panes.with_timezone("UTC");
        if matches!(self.part, Part::Pane(_)) {
            return Ok(ColumnarValue::Array(Arc::new(panes)));
        }
        if matches!(self.part, Part::Window) && !windows.is_tumbling() {
            return exec_err!("a time is in several sliding windows");
        }
        let ends: TimestampMicrosecondArray = panes.unary(|start| windows.end(start));
        Ok(ColumnarValue::Array(window(panes, ends)?))
    }
}

/// Windows of their starts and ends.
fn window(starts: TimestampMicrosecondArray, ends: TimestampMicrosecondArray) -> Result<ArrayRef> {
    let nulls = starts.nulls().cloned();
    let (starts, ends) = (starts.with_timezone("UTC"), ends.with_timezone("UTC"));
    let columns: Vec<ArrayRef> = vec![Arc::new(starts), Arc::new(ends)];
    Ok(Arc::new(StructArray::try_new(fields(), columns, nulls)?))
}

// === impl Lengths ===

impl Lengths {
    fn of(windows: Windows) -> Self {
        Self {
            size: windows.size(),
            slide: windows.slide(),
            start: windows.offset(),
            by_start: windows.is_by_start(),
        }
    }

    fn windows(self) -> Result<Windows> {
        let windows = Windows::new(self.size, self.slide, self.start)
            .map_err(|error| DataFusionError::Execution(error.to_string()))?;
        Ok(match self.by_start {
            true => windows.by_start(),
            false => windows,
        })
    }

    /// Three numbers.
    fn read(text: &ScalarValue) -> Option<Self> {
        let text = text.try_as_str().flatten()?;
        let numbers = text.split(' ').map(str::parse);
        match numbers.collect::<Result<Vec<i64>, _>>().ok()?.as_slice() {
            [size, slide, start] => Some(Self {
                size: *size,
                slide: *slide,
                start: *start,
                by_start: false,
            }),
            _ => None,
        }
    }
}

fn is_window(fields: &Fields) -> bool {
    let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    let instants = fields
        .iter()
        .all(|field| matches!(field.data_type(), DataType::Timestamp(..)));
    names == ["start", "end"] && instants
}

/// The moments that times or windows stand for: of a window its last microsecond, as
/// Spark's `window_time` has it.
fn times(of: &ArrayRef) -> Result<TimestampMicrosecondArray> {
    if let Some(times) = of.as_primitive_opt::<TimestampMicrosecondType>() {
        return Ok(times.clone());
    }
    let windows = of.as_struct_opt();
    let ends = windows.and_then(|windows| Some((windows, windows.column_by_name("end")?)));
    let Some((windows, ends)) = ends else {
        return exec_err!(
            "windows go by timestamps, and were given {}",
            of.data_type()
        );
    };
    let Some(ends) = ends.as_primitive_opt::<TimestampMicrosecondType>() else {
        return exec_err!(
            "a window ends at a timestamp, and was given {}",
            ends.data_type()
        );
    };
    let times = (0..ends.len()).map(|row| {
        (windows.is_valid(row) && ends.is_valid(row)).then(|| ends.value(row).saturating_sub(1))
    });
    Ok(times
        .collect::<TimestampMicrosecondArray>()
        .with_timezone("UTC"))
}
