//! What numbers pass.

/// Integers between two bounds, both included. Exact for all of `i64`: bounds
/// with a fraction were rounded the right way, integers never become floats.
#[derive(Debug, PartialEq)]
pub(crate) struct Integers {
    low: i128,
    high: i128,
}

/// Floats that fit all that is given. NaN fits nothing.
#[derive(Debug)]
pub(crate) struct Floats {
    pub(crate) above: Option<f64>,
    pub(crate) at_least: Option<f64>,
    pub(crate) below: Option<f64>,
    pub(crate) at_most: Option<f64>,
    pub(crate) equals: Option<f64>,
}

// === impl Integers ===

impl Integers {
    pub(crate) const ALL: Self = Self {
        low: i128::MIN,
        high: i128::MAX,
    };

    pub(crate) fn from(self, low: Option<i128>) -> Self {
        Self {
            low: low.map_or(self.low, |low| low.max(self.low)),
            ..self
        }
    }

    pub(crate) fn to(self, high: Option<i128>) -> Self {
        Self {
            high: high.map_or(self.high, |high| high.min(self.high)),
            ..self
        }
    }

    pub(crate) fn has(&self, value: i64) -> bool {
        (self.low..=self.high).contains(&i128::from(value))
    }
}

// === impl Floats ===

impl Floats {
    pub(crate) fn has(&self, value: f64) -> bool {
        !value.is_nan()
            && self.above.is_none_or(|above| value > above)
            && self.at_least.is_none_or(|least| value >= least)
            && self.below.is_none_or(|below| value < below)
            && self.at_most.is_none_or(|most| value <= most)
            && self.equals.is_none_or(|equals| value == equals)
    }
}
