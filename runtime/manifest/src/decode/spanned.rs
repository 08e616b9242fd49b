//! How a [`Spanned`] gets its place out of the tree, through serde: as a struct of a reserved name.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IntoDeserializer, MapAccess, Visitor},
};

use super::DecodeError;
use crate::{Span, Spanned, yaml::Node};

/// No struct can have this name.
pub(super) const NAME: &str = "$azud::Spanned";
const FIELDS: &[&str] = &["start", "end", "value"];

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct(NAME, FIELDS, SpannedVisitor(PhantomData))
    }
}

struct SpannedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for SpannedVisitor<T> {
    type Value = Spanned<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a manifest")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut parts: A) -> Result<Spanned<T>, A::Error> {
        let mut next = || -> Result<usize, A::Error> {
            let part: Option<(String, usize)> = parts.next_entry()?;
            part.map(|(_, at)| at)
                .ok_or_else(|| A::Error::custom("a place is missing"))
        };
        let (start, end) = (next()?, next()?);
        let value: Option<(String, T)> = parts.next_entry()?;
        let (_, value) = value.ok_or_else(|| A::Error::custom("a value is missing"))?;
        Ok(Spanned::new(value, Span::new(start, end)))
    }
}

/// The parts of a [`Spanned`], in the order of [`FIELDS`].
pub(super) struct SpannedParts<'de> {
    node: &'de Node,
    given: usize,
}

impl<'de> SpannedParts<'de> {
    pub(super) const fn new(node: &'de Node) -> Self {
        Self { node, given: 0 }
    }
}

impl<'de> MapAccess<'de> for SpannedParts<'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        let key = FIELDS.get(self.given);
        self.given += 1;
        key.map(|key| seed.deserialize((*key).into_deserializer()))
            .transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        match self.given {
            1 => seed.deserialize(self.node.span.start.into_deserializer()),
            2 => seed.deserialize(self.node.span.end.into_deserializer()),
            _ => seed
                .deserialize(self.node)
                .map_err(|error: DecodeError| error.at(self.node.span)),
        }
    }
}
