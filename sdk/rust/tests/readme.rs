//! The sink of the README is one that is compiled and tested.

#[test]
fn the_sink_of_the_readme_is_the_one_that_is_tested() {
    let readme = include_str!("../README.md");
    let tested = include_str!("appender.rs");
    assert!(
        readme.contains(&format!("```rust\n{tested}```\n")),
        "README.md has another sink than tests/appender.rs: copy it there"
    );
}
