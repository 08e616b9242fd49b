//! A line for people: the level and the message; of a plugin, behind the name of its node.

use azud_engine::PLUGIN_LOG;
use tracing::{Level, Metadata};

use super::fields::Fields;

/// ` INFO words: three rows were empty`. A message may have several lines: a manifest is drawn with
/// its mistakes.
pub(super) fn line(metadata: &Metadata<'_>, fields: &Fields) -> String {
    let node = fields
        .text("node")
        .filter(|_| metadata.target() == PLUGIN_LOG);
    written(*metadata.level(), node, &fields.message)
}

pub(super) fn written(level: Level, node: Option<&str>, message: &str) -> String {
    let mut line = format!("{:>5} ", level.as_str());
    if let Some(node) = node {
        line.push_str(node);
        line.push_str(": ");
    }
    line.push_str(&azud_sandbox::escaped_lines(message));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_level_and_of_a_plugin_its_node() {
        assert_eq!(written(Level::INFO, None, "running"), " INFO running");
        assert_eq!(
            written(Level::ERROR, Some("words"), "no"),
            "ERROR words: no"
        );
        let drawn = "a.yaml: wrong\n\t^ here";
        assert_eq!(written(Level::WARN, None, drawn), format!(" WARN {drawn}"));
    }

    #[test]
    fn nothing_moves_the_cursor_or_turns_around() {
        assert_eq!(
            written(
                Level::WARN,
                None,
                "a\u{1b}[2Jb\rc\u{9b}d\u{202e}e\u{2028}f\u{200b}"
            ),
            " WARN a\\u{1b}[2Jb\\rc\\u{9b}d\\u{202e}e\\u{2028}f\\u{200b}"
        );
    }
}
