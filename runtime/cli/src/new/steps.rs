//! What was written, and the commands to type next.

use std::fmt::Write as _;
use std::path::Path;

use super::folder::File;

/// A line of a list: a thing and what it is.
type Line = (String, String);

/// For a person: every file with what it is for, every command with what it does.
pub(crate) fn tell(folder: &Path, files: &[File], more: &[Line], next: &[Line]) -> String {
    let shown = folder.display().to_string();
    let mut text = format!("wrote {shown}\n");
    let own = files
        .iter()
        .map(|file| (file.path.to_owned(), file.what.to_owned()));
    let lines: Vec<Line> = own.chain(more.iter().cloned()).collect();
    list(&mut text, &lines);
    text.push_str("next\n");
    let mut commands = vec![(format!("cd {}", quoted(&shown)), String::new())];
    commands.extend(next.iter().cloned());
    list(&mut text, &commands);
    text
}

/// How this program is called in a shell: by its name where it was found by it.
pub(crate) fn program() -> String {
    let called = std::env::args().next().unwrap_or_default();
    if !called.contains('/') {
        return called;
    }
    // A relative path would be wrong after the `cd`.
    std::env::current_exe().map_or(called, |path| quoted(&path.display().to_string()))
}

fn list(text: &mut String, lines: &[Line]) {
    let width = lines.iter().map(|(thing, _)| thing.chars().count()).max();
    let width = width.unwrap_or_default();
    for (thing, what) in lines {
        let line = format!("  {thing:width$}  {what}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

/// As a shell wants it.
fn quoted(word: &str) -> String {
    let plain = |one: char| one.is_alphanumeric() || "_-./".contains(one);
    match word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_a_path_as_one_word() {
        assert_eq!(quoted("dir/my_filter"), "dir/my_filter");
        assert_eq!(quoted("it's my/filter"), r"'it'\''s my/filter'");
    }
}
