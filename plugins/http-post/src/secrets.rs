//! Values that must never be seen.

/// The secrets that were sent to the server: it may send them back.
#[derive(Default)]
pub(crate) struct Secrets(Vec<String>);

// === impl Secrets ===

impl Secrets {
    /// Adds a secret, which is not empty.
    pub(crate) fn add(&mut self, secret: &str) {
        self.0.push(secret.to_owned());
        // One that holds another goes first, or its rest would be seen.
        self.0.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// A text with `***` in the place of each secret.
    pub(crate) fn hide(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| {
            text.replace(secret.as_str(), "***")
        })
    }

    /// The same for a text that was cut somewhere: it may end within a secret.
    pub(crate) fn hide_cut(&self, text: &str) -> String {
        let mut hidden = self.hide(text);
        let starts = self.0.iter().flat_map(|secret| {
            let ends = secret.char_indices().map(|(at, _)| at).skip(1);
            ends.filter_map(|end| secret.get(..end))
        });
        let longest = starts
            .filter(|start| hidden.ends_with(start))
            .map(str::len)
            .max();
        hidden.truncate(hidden.len() - longest.unwrap_or(0));
        hidden
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_wherever_they_are() {
        let mut secrets = Secrets::default();
        secrets.add("abc");
        secrets.add("abcdef");
        assert_eq!(secrets.hide("abc, abcdef: no abx"), "***, ***: no abx");
        assert_eq!(secrets.hide_cut("no abcd"), "no ***d");
        assert_eq!(secrets.hide_cut("no: ab"), "no: ");
        assert_eq!(secrets.hide_cut("no"), "no");
    }
}
