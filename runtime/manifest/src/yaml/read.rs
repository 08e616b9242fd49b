//! Reads one YAML document, and refuses what a manifest has no use for: a second document, anchors,
//! aliases, tags, keys that are no strings, the same key twice, bottomless nesting.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, StrInput};

use super::{Entry, Kind, Node, place::Places, plain};
use crate::{Span, report::Findings};

/// A manifest is a page or two; what is larger was not written by hand or is meant to harm.
pub(crate) const MAX_BYTES: usize = 1 << 20;

/// No manifest needs more, and the tree is walked by recursion.
const MAX_DEPTH: usize = 32;

/// YAML 1.1's key for "and all of these".
const MERGE: &str = "<<";

/// The tree of `findings.text`; `None` when it cannot be read to its end, the reason being among the
/// findings.
pub(crate) fn read(findings: &mut Findings) -> Option<Node> {
    let text = findings.text.clone();
    if text.text.len() > MAX_BYTES {
        let message = format!(
            "the manifest is too large: {} bytes, at most {MAX_BYTES}",
            text.text.len()
        );
        findings.add(Span::default(), message);
        return None;
    }
    let mut reader = Reader {
        parser: Parser::new_from_str(&text.text),
        places: Places::new(&text.text),
        findings,
        last: Span::default(),
        said: Said::default(),
    };
    reader.document().ok()
}

/// The rest cannot be read; why is among the findings.
struct Stop;

struct Reader<'t, 'f> {
    parser: Parser<'t, StrInput<'t>>,
    places: Places,
    findings: &'f mut Findings,
    /// The last event that has a place of its own.
    last: Span,
    said: Said,
}

/// What was refused before: once is enough, however often it is there.
#[derive(Default)]
struct Said {
    anchors: bool,
    aliases: bool,
}

impl<'t> Reader<'t, '_> {
    fn next(&mut self) -> Result<(Event<'t>, Span), Stop> {
        if self.findings.is_full() {
            return Err(Stop);
        }
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                let span = self.places.span(&span);
                self.last = span;
                Ok((event, span))
            }
            Some(Err(error)) => {
                self.syntax_error(&error);
                Err(Stop)
            }
            None => Ok((Event::StreamEnd, self.last)),
        }
    }

    fn document(&mut self) -> Result<Node, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(_) if root.is_some() => {
                    self.findings.add_with_help(
                        span,
                        "a second YAML document: a manifest is one document",
                        "put the other pipeline into a file of its own",
                    );
                    return Err(Stop);
                }
                Event::StreamStart
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::Nothing => {}
                event => root = Some(self.node(event, span, 0)?),
            }
        }
        if let Some(root) = root {
            return Ok(root);
        }
        self.findings.add_with_help(
            Span::default(),
            "the manifest is empty",
            "it needs at least `name`, `sources` and `sinks`",
        );
        Err(Stop)
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Stop> {
        if depth > MAX_DEPTH {
            self.findings.add(
                span,
                format!("nested too deeply: at most {MAX_DEPTH} levels"),
            );
            return Err(Stop);
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                // The parser counts blanks behind a quoted scalar as part of it.
                let written = self.findings.text.slice(span).trim_end().len();
                let span = Span::new(span.start, span.start + written);
                let kind = match style {
                    _ if self.refuse(span, anchor, tag.is_some()) => Kind::Broken,
                    ScalarStyle::Plain => plain(&text),
                    _ => Kind::String(text.into_owned()),
                };
                Ok(Node::new(span, kind))
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse(span, anchor, tag.is_some());
                self.list(span, depth)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse(span, anchor, tag.is_some());
                self.map(span, depth)
            }
            // An alias can make a small file a huge tree: what it names is never followed.
            _ => {
                if !std::mem::replace(&mut self.said.aliases, true) {
                    self.findings.add_with_help(
                        span,
                        "YAML aliases are not supported",
                        "write the value out where it is used",
                    );
                }
                Ok(Node::new(span, Kind::Broken))
            }
        }
    }

    fn list(&mut self, start: Span, depth: usize) -> Result<Node, Stop> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                let whole = Span::new(start.start, span.end);
                return Ok(Node::new(whole, Kind::List(items)));
            }
            items.push(self.node(event, span, depth + 1)?);
        }
    }

    fn map(&mut self, start: Span, depth: usize) -> Result<Node, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged = false;
        let mut seen = std::collections::HashMap::new();
        loop {
            let (event, key_span) = self.next()?;
            if event == Event::MappingEnd {
                let whole = Span::new(start.start, key_span.end);
                // What it would have been with the merged keys, nobody can tell.
                let kind = if merged {
                    Kind::Broken
                } else {
                    Kind::Map(entries)
                };
                return Ok(Node::new(whole, kind));
            }
            let key = self.node(event, key_span, depth + 1)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            merged |= matches!(&key.kind, Kind::String(text) if text == MERGE);
            let Some(key) = self.key(key) else { continue };
            if let Some(first) = seen.insert(key.clone(), key_span) {
                let (line, _) = self.findings.text.line_and_column(first.start);
                self.findings.add_with_help(
                    key_span,
                    format!("the key `{key}` is there twice"),
                    format!("the first one is on line {line}; keep one of them"),
                );
                continue;
            }
            entries.push(Entry {
                key,
                key_span,
                value,
            });
        }
    }

    /// The text of a key; numbers, booleans and the like are refused, since nothing here is called so.
    fn key(&mut self, key: Node) -> Option<String> {
        match key.kind {
            Kind::String(text) if text == MERGE => {
                self.findings.add_with_help(
                    key.span,
                    "YAML merge keys (`<<`) are not supported",
                    "write the values out where they are used",
                );
                None
            }
            Kind::String(text) => Some(text),
            Kind::Number(_) | Kind::Bool(_) | Kind::Null => {
                let text = self.findings.text.slice(key.span).to_owned();
                self.findings.add_with_help(
                    key.span,
                    format!("the key `{text}` is no string"),
                    format!("quote it if it is meant so: \"{text}\""),
                );
                None
            }
            Kind::List(_) | Kind::Map(_) => {
                self.findings.add_with_help(
                    key.span,
                    "a key must be a string, not a list or a map",
                    "quote a value that starts with `{` or `[`, as \"${NAME}\"",
                );
                None
            }
            Kind::Broken => None,
        }
    }

    /// Returns whether a tag makes the value something that nobody here can read.
    fn refuse(&mut self, span: Span, anchor: usize, tag: bool) -> bool {
        if anchor > 0 && !std::mem::replace(&mut self.said.anchors, true) {
            self.findings.add_with_help(
                span,
                "YAML anchors are not supported",
                "remove the `&name` before the value",
            );
        }
        if tag {
            self.findings.add_with_help(
                span,
                "YAML tags are not supported",
                "remove the `!tag` before the value; quotes make a value a string",
            );
        }
        tag
    }

    fn syntax_error(&mut self, error: &ScanError) {
        let at = self.places.byte(error.marker());
        let line = self.findings.text.line(at);
        // The commonest cause, which the parser's own words would never tell.
        let help = if line.text.contains("${") {
            Some(
                "between `{ }` or `[ ]`, quote a value that holds a variable: \"${NAME}\""
                    .to_owned(),
            )
        } else if line.text.trim_start_matches(' ').starts_with('\t') {
            Some("YAML indents with spaces, not with tabs".to_owned())
        } else {
            None
        };
        let info = error.info().trim_end_matches('.');
        self.findings
            .push(Span::new(at, at), format!("not valid YAML: {info}"), help);
    }
}
