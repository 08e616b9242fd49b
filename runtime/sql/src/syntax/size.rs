//! Bounds on a query's size, so that a hostile one is an error and not a stack
//! that overflows or a parser that never ends.

use datafusion_sql::sqlparser::keywords::Keyword;
use datafusion_sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use crate::SqlError;

/// The longest text of a query, in bytes.
pub(super) const MAX_BYTES: usize = 64 << 10;
/// How deep brackets nest.
pub(super) const MAX_NESTING: usize = 40;
/// How many operators follow each other, brackets around them included: the
/// parser makes `a + b + c` a tree as deep as it has operators.
const MAX_OPERATORS: usize = 250;
/// How many queries one query is made of.
const MAX_UNIONS: usize = 100;
/// How deep CASE, CAST and their like nest: where one is wrong, the parser
/// tries each twice, so that its time doubles with every level.
const MAX_SPECIAL: usize = 12;

/// What is open at a place of the text.
struct Depth {
    /// Operators since the last comma or clause, for each open bracket; and
    /// whether the bracket belongs to a special form.
    open: Vec<(usize, bool)>,
    cases: usize,
    unions: usize,
    special_next: bool,
}

pub(super) fn check(tokens: &[TokenWithSpan]) -> Result<(), SqlError> {
    let mut depth = Depth {
        open: vec![(0, false)],
        cases: 0,
        unions: 0,
        special_next: false,
    };
    for token in tokens {
        depth.step(&token.token);
        if let Some(what) = depth.exceeded() {
            return Err(SqlError::new(format!("the query is too deep: {what}"))
                .help("split it into several SQL nodes")
                .at_span(token.span));
        }
    }
    Ok(())
}

// === impl Depth ===

impl Depth {
    fn step(&mut self, token: &Token) {
        match token {
            Token::Whitespace(_) => return,
            Token::LParen | Token::LBracket => self.open.push((0, self.special_next)),
            Token::RParen | Token::RBracket => {
                if self.open.len() > 1 {
                    self.open.pop();
                }
            }
            Token::Comma => self.restart(),
            Token::Word(word) => {
                self.word(word);
                return;
            }
            Token::Number(..) | Token::SingleQuotedString(_) | Token::DoubleQuotedString(_) => {}
            _ => self.count(),
        }
        self.special_next = false;
    }

    fn word(&mut self, word: &Word) {
        self.special_next = false;
        match word.keyword {
            Keyword::UNION => {
                self.unions += 1;
                self.restart();
            }
            Keyword::SELECT
            | Keyword::FROM
            | Keyword::WHERE
            | Keyword::GROUP
            | Keyword::HAVING
            | Keyword::WHEN
            | Keyword::THEN
            | Keyword::ELSE => self.restart(),
            Keyword::CASE => {
                self.cases += 1;
                self.count();
            }
            Keyword::END => self.cases = self.cases.saturating_sub(1),
            Keyword::CAST
            | Keyword::TRY_CAST
            | Keyword::SAFE_CAST
            | Keyword::CONVERT
            | Keyword::EXTRACT
            | Keyword::SUBSTRING
            | Keyword::SUBSTR
            | Keyword::TRIM
            | Keyword::OVERLAY
            | Keyword::POSITION
            | Keyword::CEIL
            | Keyword::FLOOR
            | Keyword::EXISTS
            | Keyword::ARRAY
            | Keyword::STRUCT
            | Keyword::MAP
            | Keyword::INTERVAL
            | Keyword::NOT => {
                self.special_next = true;
                self.count();
            }
            Keyword::NoKeyword => {}
            _ => self.count(),
        }
    }

    fn exceeded(&self) -> Option<String> {
        let special = self.cases + self.open.iter().filter(|(_, special)| *special).count();
        let operators: usize = self.open.iter().map(|(operators, _)| operators).sum();
        if self.open.len() > MAX_NESTING {
            Some(format!("more than {MAX_NESTING} nested brackets"))
        } else if special > MAX_SPECIAL {
            Some(format!("more than {MAX_SPECIAL} nested CASE or CAST"))
        } else if operators > MAX_OPERATORS {
            Some(format!(
                "more than {MAX_OPERATORS} operators in one expression"
            ))
        } else if self.unions > MAX_UNIONS {
            Some(format!("more than {MAX_UNIONS} unions"))
        } else {
            None
        }
    }

    fn restart(&mut self) {
        if let Some((operators, _)) = self.open.last_mut() {
            *operators = 0;
        }
    }

    fn count(&mut self) {
        if let Some((operators, _)) = self.open.last_mut() {
            *operators += 1;
        }
    }
}
