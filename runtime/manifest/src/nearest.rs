//! "did you mean": the known name that a misspelt one is nearest to.

/// More candidates than these are not looked through: such a manifest is no work of a human hand.
const MAX_CANDIDATES: usize = 500;

/// The nearest of `candidates`, if it is near enough to be what was meant.
pub(crate) fn nearest<'a>(
    wanted: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let lower = wanted.to_lowercase();
    let far = wanted.chars().count().div_ceil(3);
    candidates
        .into_iter()
        .take(MAX_CANDIDATES)
        .map(|known| {
            (
                strsim::damerau_levenshtein(&lower, &known.to_lowercase()),
                known,
            )
        })
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// `, did you mean ...?` or nothing: the end of an error about a name that is not known.
pub fn did_you_mean<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(wanted, candidates)
        .map(|known| format!(", did you mean `{known}`?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_what_is_near_is_suggested() {
        let known = ["from", "format", "file"];
        for (wanted, expected) in [
            ("form", Some("from")),
            ("From", Some("from")),
            ("formt", Some("format")),
            ("fil", Some("file")),
            ("socket", None),
            ("table", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(wanted, known), expected, "{wanted}");
        }
    }
}
