//! `${NAME}` and `${NAME:-default}`: values from the environment.
//!
//! Replaced after YAML was read, so that a value can never add keys or break quotes; not in keys, and
//! not again in what was put in. `$${` writes `${`; every other `$` is itself, so that patterns need
//! no escapes. As in a shell, `:-` also covers a variable that is set but empty.

use crate::{
    report::Findings,
    yaml::{Kind, Node, plain},
};

/// The variables by name.
pub(crate) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Replaces the variables in every scalar of the tree.
pub(crate) fn substitute(node: &mut Node, env: Env<'_>, findings: &mut Findings) {
    match &mut node.kind {
        Kind::List(items) => {
            for item in items {
                substitute(item, env, findings);
            }
        }
        Kind::Map(entries) => {
            for entry in entries {
                substitute(&mut entry.value, env, findings);
            }
        }
        Kind::String(text) if text.contains("${") => match replace(text, env) {
            Ok(Replaced { text, variables: 0 }) => node.kind = Kind::String(text),
            Ok(Replaced { text, .. }) => {
                // Quotes say that a string is meant, wherever both would do.
                let quoted = findings
                    .text
                    .slice(node.span)
                    .starts_with(['"', '\'', '|', '>']);
                node.kind = match plain(&text) {
                    Kind::Null => Kind::String(text.clone()),
                    _ if quoted => Kind::String(text.clone()),
                    kind => kind,
                };
                node.replaced = Some(text);
            }
            Err(bad) => {
                findings.push(node.span, bad.message, Some(bad.help));
                node.kind = Kind::Broken;
            }
        },
        _ => {}
    }
}

struct Replaced {
    text: String,
    variables: usize,
}

struct Bad {
    message: String,
    help: String,
}

fn replace(text: &str, env: Env<'_>) -> Result<Replaced, Bad> {
    let mut out = String::with_capacity(text.len());
    let mut variables = 0;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = after;
            continue;
        }
        out.push_str(before);
        let (inside, after) = after.split_once('}').ok_or_else(|| Bad {
            message: "`${` without a closing `}`".into(),
            help: "write ${NAME} or ${NAME:-default}, and $${ for the text `${`".into(),
        })?;
        out.push_str(&variable(inside, env)?);
        variables += 1;
        rest = after;
    }
    out.push_str(rest);
    Ok(Replaced {
        text: out,
        variables,
    })
}

fn variable(inside: &str, env: Env<'_>) -> Result<String, Bad> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let mut bytes = name.bytes();
    let starts_well = bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if !starts_well || !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(Bad {
            message: format!("`{name}` cannot be the name of a variable"),
            help: "write ${NAME} or ${NAME:-default}, and $${ for the text `${`".into(),
        });
    }
    match (env(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(Bad {
            message: format!("the environment variable `{name}` is not set"),
            help: format!("set it, or give a default: ${{{name}:-default}}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{Bad, replace};

    fn env(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("db".into()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${HOST}".into()),
            _ => None,
        }
    }

    #[test]
    fn variables_defaults_and_escapes() {
        for (text, expected) in [
            ("${HOST}:1", "db:1"),
            ("${HOST}${HOST}", "dbdb"),
            ("${NONE:-x:y}", "x:y"),
            ("${NONE:-}", ""),
            ("${EMPTY}", ""),
            ("${EMPTY:-x}", "x"),
            ("$${HOST}", "${HOST}"),
            ("^a$|$1|$$", "^a$|$1|$$"),
            ("${NESTED}", "${HOST}"),
        ] {
            assert_eq!(
                replace(text, &env)
                    .ok()
                    .map(|replaced| replaced.text)
                    .as_deref(),
                Some(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn what_cannot_be_replaced_says_why() {
        for (text, expected) in [
            ("${NONE}", "the environment variable `NONE` is not set"),
            ("${HOST", "`${` without a closing `}`"),
            ("${}", "`` cannot be the name of a variable"),
            ("${a-b}", "`a-b` cannot be the name of a variable"),
        ] {
            assert!(
                matches!(replace(text, &env), Err(Bad { message, .. }) if message == expected),
                "{text}"
            );
        }
    }
}
