use super::find_cycle;

#[test]
fn a_cycle_is_found_wherever_it_is() {
    for (reads, expected) in [
        (
            vec![("a", vec!["b"]), ("b", vec!["c"]), ("c", vec![])],
            None,
        ),
        (vec![("a", vec!["a"])], Some(vec!["a"])),
        (
            vec![("a", vec!["x", "b"]), ("b", vec!["a"])],
            Some(vec!["a", "b"]),
        ),
        (
            vec![("a", vec!["b"]), ("b", vec!["c"]), ("c", vec!["b"])],
            Some(vec!["b", "c"]),
        ),
        // A diamond is none.
        (
            vec![
                ("a", vec!["b", "c"]),
                ("b", vec!["d"]),
                ("c", vec!["d"]),
                ("d", vec!["in"]),
            ],
            None,
        ),
    ] {
        assert_eq!(find_cycle(&reads), expected, "{reads:?}");
    }
}
