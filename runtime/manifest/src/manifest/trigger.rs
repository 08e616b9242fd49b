//! When an epoch ends.

use std::borrow::Cow;

use azud_model::Duration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error};

/// When an epoch ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trigger {
    /// Rows flow at once; epochs are cut in passing.
    #[default]
    Continuous,
    /// All that is there, then the end.
    Once,
    /// So often.
    Every(Duration),
}

impl<'de> Deserialize<'de> for Trigger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "continuous" => Ok(Self::Continuous),
            "once" => Ok(Self::Once),
            _ => match text.parse::<Duration>() {
                Ok(every) if every.is_zero() => Err(D::Error::custom(
                    "`trigger` must be longer than 0s: `continuous` does not wait",
                )),
                Ok(every) => Ok(Self::Every(every)),
                Err(error) => Err(D::Error::custom(format!("bad duration `{text}`: {error}"))),
            },
        }
    }
}

impl JsonSchema for Trigger {
    fn schema_name() -> Cow<'static, str> {
        "Trigger".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "const": "continuous", "description": "Rows flow at once." },
                { "const": "once", "description": "All that is there, then the end." },
                generator.subschema_for::<Duration>(),
            ],
        })
    }
}
