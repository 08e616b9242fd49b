//! What a plugin prints, taken apart into lines of the log.

/// A line that has no end yet: a panic's message comes in pieces.
#[derive(Debug, Default)]
pub(crate) struct Begun {
    bytes: Vec<u8>,
    /// It was too long, and is told: the rest of it is left out.
    told: bool,
}

// === impl Begun ===

impl Begun {
    /// Adds what was printed; answers with the lines that are complete, each of at
    /// most about `most` bytes.
    pub(crate) fn add(&mut self, printed: &[u8], most: usize) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in printed.split_inclusive(|byte| *byte == b'\n') {
            let room = most.saturating_sub(self.bytes.len());
            let ends = piece.ends_with(b"\n");
            if !self.told {
                let fitting = piece.get(..room).unwrap_or(piece);
                self.bytes.extend_from_slice(fitting);
                if ends || self.bytes.len() >= most {
                    lines.extend(self.end());
                    self.told = true;
                }
            }
            self.told &= !ends;
        }
        lines
    }

    /// The line as far as it is there; none where it is empty.
    pub(crate) fn end(&mut self) -> Option<String> {
        let line = String::from_utf8_lossy(&self.bytes);
        let line = line.trim_end_matches(['\n', '\r']).to_owned();
        self.bytes.clear();
        (!line.is_empty()).then_some(line)
    }
}

/// Remembers what was printed last: a panic says there what happened, in two lines,
/// and then how to see a backtrace.
pub(crate) fn remember(last: &mut Option<String>, line: String) {
    if !line.starts_with("note: ") {
        let before = last.take().filter(|before| before.contains("panicked at"));
        *last = Some(before.map_or(line.clone(), |before| format!("{before} {line}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_and_are_cut_once() {
        let mut begun = Begun::default();
        assert!(begun.add(b"one ", 10).is_empty());
        assert_eq!(begun.add(b"line\nand", 10), ["one line"]);
        assert_eq!(
            begun.add(b" more than that\nnext\n", 10),
            ["and more t", "next"]
        );
        assert_eq!(begun.add(b"\n\r\nleft", 10), Vec::<String>::new());
        assert_eq!(begun.end().as_deref(), Some("left"));
        assert_eq!(begun.end(), None);
    }
}
