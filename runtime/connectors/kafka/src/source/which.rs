//! Which partitions a source reads.

use std::collections::{BTreeMap, BTreeSet};

use azud_model::{Error, Result};
use regex::Regex;

use crate::options::KafkaSourceOptions;

/// Which partitions a source reads.
#[derive(Clone, Debug)]
pub(crate) enum Which {
    /// All of these topics.
    Topics(Vec<String>),
    /// All of the topics whose whole name matches.
    Pattern(Regex),
    /// These.
    Partitions(BTreeMap<String, Vec<i32>>),
}

// === impl Which ===

impl Which {
    /// # Errors
    /// `Invalid` if not exactly one of the three is given, or one is empty or wrong.
    pub(crate) fn of(options: &KafkaSourceOptions) -> Result<Self> {
        match (&options.topics, &options.pattern, &options.assign) {
            (Some(topics), None, None) => {
                let names: BTreeSet<String> = topics.list().into_iter().collect();
                if names.is_empty() {
                    return Err(Error::invalid("`topics` names no topic"));
                }
                names.iter().try_for_each(|name| check_name(name))?;
                Ok(Self::Topics(names.into_iter().collect()))
            }
            (None, Some(pattern), None) => {
                let whole = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
                    Error::invalid(format!("`{pattern}` is no regular expression")).because(error)
                })?;
                Ok(Self::Pattern(whole))
            }
            (None, None, Some(assign)) => {
                for (name, numbers) in assign {
                    check_name(name)?;
                    let apart: BTreeSet<_> = numbers.iter().collect();
                    if numbers.is_empty() || apart.len() != numbers.len() {
                        return Err(Error::invalid(format!(
                            "`assign` names no partition of `{name}`, or one twice"
                        )));
                    }
                }
                match assign.is_empty() {
                    true => Err(Error::invalid("`assign` names no topic")),
                    false => Ok(Self::Partitions(assign.clone())),
                }
            }
            _ => Err(Error::invalid(
                "say what to read by exactly one of `topics: [orders]`, `pattern: \"orders-.*\"` \
                 and `assign: { orders: [0, 1] }`",
            )),
        }
    }
}

/// As `org.apache.kafka.common.internals.Topic` has it.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let is_known = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let is_name = name.len() <= 249 && name != "." && name != ".." && !name.is_empty();
    match is_name && name.chars().all(is_known) {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "`{name}` is no name of a topic: those have up to 249 letters, digits, `.`, `_` and `-`"
        ))),
    }
}
