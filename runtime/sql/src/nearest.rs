//! "Did you mean": the known name that is nearest to an unknown one.

/// The name nearest to `unknown`, unless none is near.
pub(crate) fn nearest<'a>(
    unknown: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let unknown = unknown.to_lowercase();
    names
        .into_iter()
        .map(|name| {
            (
                strsim::damerau_levenshtein(&unknown, &name.to_lowercase()),
                name,
            )
        })
        .min()
        .filter(|(distance, _)| *distance <= unknown.chars().count().div_ceil(3))
        .map(|(_, name)| name)
}
