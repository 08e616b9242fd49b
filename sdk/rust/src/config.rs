//! The step's `config:`, which crosses the boundary as JSON.

use crate::{Error, Result};

/// Reads a configuration, or says what is wrong with it.
pub(crate) fn parse<C: serde::de::DeserializeOwned>(config: &str) -> Result<C> {
    // A manifest without `config:` is one with an empty one.
    let config = match config.trim() {
        "" | "null" => "{}",
        config => config,
    };
    serde_json::from_str(config).map_err(|error| {
        // The place is one in JSON that nobody wrote.
        let text = error.to_string();
        let what = text.split(" at line ").next().unwrap_or_default();
        Error::new(format!("config: {what}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoConfig;

    #[test]
    fn nothing_is_an_empty_configuration() {
        for config in ["", " ", "null", "{}"] {
            assert!(parse::<NoConfig>(config).is_ok(), "{config:?}");
        }
    }

    #[test]
    fn a_mistake_is_told_without_its_place() {
        let refused = parse::<NoConfig>(r#"{ "above": 1 }"#).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "config: unknown field `above`, there are no fields"
        );
    }
}
