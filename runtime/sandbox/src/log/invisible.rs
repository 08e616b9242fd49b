//! Characters that are not seen, or do something to what is around them.

/// What has no glyph of its own: `Default_Ignorable_Code_Point` of Unicode 16.0
/// (DerivedCoreProperties.txt), in order. It has the marks that turn text around, the
/// joiners and selectors of which emoji are made, and what is reserved for more of them.
const IGNORABLE: &[(char, char)] = &[
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fff8}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Whether a character is a control, separates lines, or is not seen.
pub(super) fn is_hidden(character: char) -> bool {
    // Nearly all of what is logged.
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    let separates = matches!(character, '\u{2028}' | '\u{2029}');
    character.is_control() || separates || is_ignorable(character)
}

fn is_ignorable(character: char) -> bool {
    let before = IGNORABLE.partition_point(|(_, last)| *last < character);
    let range = IGNORABLE.get(before);
    range.is_some_and(|(first, _)| *first <= character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_hidden_and_its_neighbours_are_not() {
        assert!(IGNORABLE.is_sorted());
        let ignorable = ('\0'..=char::MAX).filter(|c| is_ignorable(*c)).count();
        assert_eq!(ignorable, 4174, "as many as Unicode counts");
        let hidden = ('\0'..=char::MAX).filter(|c| is_hidden(*c)).count();
        assert_eq!(hidden, 4174 + 65 + 2, "controls, and what separates lines");
        let named = "\u{ad}\u{34f}\u{115f}\u{1160}\u{17b4}\u{180e}\u{200b}\u{200c}\u{200d}\u{200f}\
                     \u{2028}\u{2029}\u{202e}\u{2060}\u{2064}\u{3164}\u{fe00}\u{fe0f}\u{feff}\
                     \u{ffa0}\u{e0001}\u{e0041}\u{e007f}\u{e0100}\0\u{1b}\u{7f}\u{9b}\n";
        assert_eq!(named.chars().find(|c| !is_hidden(*c)), None);
        let seen = "azAZ09 ~.ñáß漢字かな한글हिन्दीالعربية\u{a0}\u{3000}😀\u{1f469}\u{fffd}";
        assert_eq!(seen.chars().find(|c| is_hidden(*c)), None);
    }
}
