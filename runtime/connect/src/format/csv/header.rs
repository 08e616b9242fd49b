//! Which field of a record belongs to which column.

use azud_model::Column;

use super::fields::FieldsOf;
use crate::format::misfit::shown;

/// Most of a header that a reason shows.
const SHOWN: usize = 200;

/// For every field of a record, the column it goes into, if any.
pub(super) struct Layout {
    pub(super) columns: Vec<Option<usize>>,
}

// === impl Layout ===

impl Layout {
    /// Without a header, fields are the columns in order.
    pub(super) fn in_order(columns: &[Column]) -> Self {
        Self {
            columns: (0..columns.len()).map(Some).collect(),
        }
    }

    /// Fields find their columns by name, as it is written or else in another
    /// case; fields that are no column are passed over. An error says why no
    /// record below this header can be read.
    pub(super) fn of_header(header: &[u8], columns: &[Column]) -> Result<Self, String> {
        let text = std::str::from_utf8(header).map_err(|_| "the header is not UTF-8")?;
        let names: Vec<String> = FieldsOf::new(text)
            .map(|field| field.map(|field| field.text.trim().to_owned()))
            .collect::<Result<_, _>>()
            .map_err(|reason| format!("in the header, {reason}"))?;
        let mut layout = vec![None; names.len()];
        for (index, column) in columns.iter().enumerate() {
            let exact = names.iter().position(|name| *name == column.name);
            let place = exact.or_else(|| {
                names
                    .iter()
                    .position(|name| name.eq_ignore_ascii_case(&column.name))
            });
            match place.and_then(|place| layout.get_mut(place)) {
                Some(field) => *field = Some(index),
                None => {
                    return Err(format!(
                        "no column `{}` in the header `{}`; rename one of them, or write \
                         `header: false` if the first line is data",
                        column.name,
                        shown(&names.join(","), SHOWN),
                    ));
                }
            }
        }
        Ok(Self { columns: layout })
    }
}
