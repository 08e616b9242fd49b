//! The gaps of sessions.

use arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, IntervalDayTimeType, IntervalMonthDayNanoType, IntervalUnit};
use datafusion_common::{DataFusionError, Result, exec_err};

use crate::syntax::interval;

const DAY: i64 = 86_400_000_000;

/// When a session of each row alone ends. Null where the gap is null or not more than nothing:
/// such a row is in no session, as in Spark.
pub(super) fn ends(
    times: &TimestampMicrosecondArray,
    gaps: &ArrayRef,
) -> Result<TimestampMicrosecondArray> {
    let gaps = micros(gaps)?;
    let ends = times.iter().zip(gaps).map(|(time, gap)| {
        let gap = gap.filter(|gap| *gap > 0)?;
        time?.checked_add(gap)
    });
    Ok(ends
        .collect::<TimestampMicrosecondArray>()
        .with_timezone("UTC"))
}

/// Gaps in microseconds.
fn micros(gaps: &ArrayRef) -> Result<Vec<Option<i64>>> {
    let months = || {
        let why = "months differ in length: a gap is counted in weeks and less";
        DataFusionError::Execution(why.to_owned())
    };
    match gaps.data_type() {
        DataType::Utf8 => {
            let mut last: Option<(&str, i64)> = None;
            let mut found = Vec::with_capacity(gaps.len());
            for text in gaps.as_string::<i32>() {
                let Some(text) = text else {
                    found.push(None);
                    continue;
                };
                // Most rows have the gap of the row before.
                let micros = match last {
                    Some((before, micros)) if before == text => micros,
                    _ => interval::micros(text).map_err(DataFusionError::Execution)?,
                };
                last = Some((text, micros));
                found.push(Some(micros));
            }
            Ok(found)
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => gaps
            .as_primitive::<IntervalMonthDayNanoType>()
            .iter()
            .map(|gap| match gap {
                Some(gap) if gap.months != 0 => Err(months()),
                Some(gap) => Ok(Some(i64::from(gap.days) * DAY + gap.nanoseconds / 1000)),
                None => Ok(None),
            })
            .collect(),
        DataType::Interval(IntervalUnit::DayTime) => Ok(gaps
            .as_primitive::<IntervalDayTimeType>()
            .iter()
            .map(|gap| Some(i64::from(gap?.days) * DAY + i64::from(gap?.milliseconds) * 1000))
            .collect()),
        other => exec_err!("a gap is a length of time, and this is {other}"),
    }
}
