//! Java's regular expressions as Rust's.

/// In Java `\w`, `\d` and `\s` are ASCII; in Rust they are Unicode.
pub(super) fn to_rust(pattern: &str) -> String {
    let mut result = String::with_capacity(pattern.len());
    let mut letters = pattern.chars();
    let mut brackets = 0_usize;
    while let Some(letter) = letters.next() {
        match letter {
            '[' => brackets += 1,
            ']' => brackets = brackets.saturating_sub(1),
            '\\' => {
                let Some(escaped) = letters.next() else {
                    result.push('\\');
                    break;
                };
                match (
                    class(escaped.to_ascii_lowercase()),
                    escaped.is_ascii_uppercase(),
                ) {
                    (Some(class), false) if brackets > 0 => result += class,
                    (Some(class), negated) if brackets == 0 => {
                        result += if negated { "[^" } else { "[" };
                        result += class;
                        result.push(']');
                    }
                    _ => result.extend(['\\', escaped]),
                }
                continue;
            }
            _ => {}
        }
        result.push(letter);
    }
    result
}

fn class(letter: char) -> Option<&'static str> {
    match letter {
        'w' => Some("0-9A-Za-z_"),
        'd' => Some("0-9"),
        's' => Some(r" \t\n\x0B\f\r"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::to_rust;

    #[test]
    fn classes_are_ascii() {
        assert_eq!(to_rust(r"\w+ [\d.]\."), r"[0-9A-Za-z_]+ [0-9.]\.");
        assert_eq!(to_rust(r"\S"), r"[^ \t\n\x0B\f\r]");
        assert_eq!(to_rust(r"[\W]\\w"), r"[\W]\\w");
    }
}
