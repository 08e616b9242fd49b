//! The headers of every request.

use azud_plugin::{Error, Result};
use http::{HeaderName, HeaderValue};

use crate::{config::Config, secrets::Secrets};

/// A header's name, in lower case, and its value.
pub(crate) type Header = (String, Vec<u8>);

/// Those that the plugin or HTTP itself decides.
const TAKEN: [&str; 9] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "keep-alive",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// The headers that a configuration asks for, and the secrets among their values.
pub(crate) fn of(
    config: &Config,
    secret: impl Fn(&str) -> Option<String>,
) -> Result<(Vec<Header>, Secrets)> {
    let mut headers = vec![("content-type".into(), b"application/x-ndjson".to_vec())];
    let mut secrets = Secrets::default();
    for (name, value) in &config.headers {
        add(&mut headers, name, value)?;
    }
    for (name, secret_name) in &config.secret_headers {
        let value = granted(secret_name, &secret)?;
        add(&mut headers, name, &value)?;
        secrets.add(&value);
    }
    if let Some(secret_name) = &config.bearer {
        let value = granted(secret_name, &secret)?;
        add(&mut headers, "authorization", &format!("Bearer {value}"))?;
        secrets.add(&value);
    }
    Ok((headers, secrets))
}

fn granted(name: &str, secret: impl Fn(&str) -> Option<String>) -> Result<String> {
    match secret(name) {
        Some(value) if value.is_empty() => Err(Error::new(format!("secret `{name}` is empty"))),
        Some(value) => Ok(value),
        None => Err(Error::new(format!(
            "secret `{name}` is not granted: add `grants: {{ secrets: [{name}] }}` to the plugin in the manifest"
        ))),
    }
}

fn add(headers: &mut Vec<Header>, name: &str, value: &str) -> Result<()> {
    let known = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| Error::new(format!("`{name}` is no name for a header")))?;
    if TAKEN.contains(&known.as_str()) {
        return Err(Error::new(format!(
            "header `{name}` is set by the plugin itself: leave it out"
        )));
    }
    if headers.iter().any(|(other, _)| other == known.as_str()) {
        return Err(Error::new(format!("header `{name}` is given twice")));
    }
    // The value may be a secret, so it is not shown.
    let value = HeaderValue::from_str(value).map_err(|_| {
        Error::new(format!(
            "the value of header `{name}` has a character that no header can have, such as a line break"
        ))
    })?;
    headers.push((known.as_str().to_owned(), value.as_bytes().to_vec()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(config: serde_json::Value) -> Config {
        let mut all = serde_json::json!({ "url": "http://x/" });
        let keys = config.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(keys);
        serde_json::from_value(all).unwrap()
    }

    fn granted(name: &str) -> Option<String> {
        match name {
            "TOKEN" => Some("t0ps3cret".into()),
            "EMPTY" => Some(String::new()),
            "LINE" => Some("t0ps3cret\n".into()),
            _ => None,
        }
    }

    fn refused(keys: serde_json::Value) -> String {
        let refused = of(&config(keys), granted);
        refused.err().unwrap().to_string()
    }

    #[test]
    fn all_kinds_of_headers_are_sent() {
        let config = config(serde_json::json!({
            "headers": { "X-Team": "data" },
            "bearer": "TOKEN",
            "secret_headers": { "x-api-key": "TOKEN" },
        }));
        let (headers, secrets) = of(&config, granted).unwrap();
        let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", text(value)))
            .collect();
        assert_eq!(
            headers,
            [
                "content-type: application/x-ndjson",
                "x-team: data",
                "x-api-key: t0ps3cret",
                "authorization: Bearer t0ps3cret",
            ]
        );
        assert_eq!(secrets.hide("t0ps3cret!"), "***!");
    }

    #[test]
    fn mistakes_are_named_and_secrets_are_not() {
        use serde_json::json;
        assert_eq!(
            refused(json!({ "bearer": "NONE" })),
            "secret `NONE` is not granted: add `grants: { secrets: [NONE] }` to the plugin in the manifest"
        );
        assert_eq!(
            refused(json!({ "bearer": "EMPTY" })),
            "secret `EMPTY` is empty"
        );
        assert_eq!(
            refused(json!({ "bearer": "LINE" })),
            "the value of header `authorization` has a character that no header can have, such as a line break"
        );
        assert_eq!(
            refused(json!({ "headers": { "a b": "" } })),
            "`a b` is no name for a header"
        );
        assert_eq!(
            refused(json!({ "headers": { "Idempotency-Key": "1" } })),
            "header `Idempotency-Key` is set by the plugin itself: leave it out"
        );
        assert_eq!(
            refused(json!({ "headers": { "Authorization": "x" }, "bearer": "TOKEN" })),
            "header `authorization` is given twice"
        );
    }
}
