//! Bounds on a query's size, so that a hostile one is an error and not a stack that overflows.

use datafusion_sql::sqlparser::keywords::Keyword;
use datafusion_sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::SqlError;

/// The longest text of a query, in bytes.
pub(super) const MAX_BYTES: usize = 64 << 10;
/// How deep parentheses nest.
pub(super) const MAX_NESTING: usize = 40;
/// How many operators follow each other, brackets around them included: the
/// parser makes `a + b + c` a tree as deep as it has operators.
const MAX_OPERATORS: usize = 250;
/// How many queries one query is made of.
const MAX_UNIONS: usize = 100;

pub(super) fn check(tokens: &[TokenWithSpan]) -> Result<(), SqlError> {
    let mut open = vec![0_usize];
    let mut unions = 0;
    for token in tokens {
        let too_deep = |what: &str| {
            SqlError::new(format!("the query is too deep: {what}"))
                .help("split it into several SQL nodes")
                .at_span(token.span)
        };
        match &token.token {
            Token::LParen | Token::LBracket => open.push(0),
            Token::RParen | Token::RBracket if open.len() > 1 => {
                open.pop();
            }
            Token::Comma => restart(&mut open),
            Token::Word(word) => match word.keyword {
                Keyword::UNION => {
                    unions += 1;
                    if unions > MAX_UNIONS {
                        return Err(too_deep(&format!("more than {MAX_UNIONS} unions")));
                    }
                    restart(&mut open);
                }
                Keyword::SELECT
                | Keyword::FROM
                | Keyword::WHERE
                | Keyword::GROUP
                | Keyword::HAVING
                | Keyword::WHEN
                | Keyword::THEN
                | Keyword::ELSE => restart(&mut open),
                Keyword::NoKeyword => {}
                _ => count(&mut open),
            },
            Token::Whitespace(_)
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::RParen
            | Token::RBracket => {}
            _ => count(&mut open),
        }
        if open.len() > MAX_NESTING {
            return Err(too_deep(&format!("more than {MAX_NESTING} nested brackets")));
        }
        if open.iter().sum::<usize>() > MAX_OPERATORS {
            return Err(too_deep(&format!(
                "more than {MAX_OPERATORS} operators in one expression"
            )));
        }
    }
    Ok(())
}

fn restart(open: &mut [usize]) {
    if let Some(last) = open.last_mut() {
        *last = 0;
    }
}

fn count(open: &mut [usize]) {
    if let Some(last) = open.last_mut() {
        *last += 1;
    }
}
