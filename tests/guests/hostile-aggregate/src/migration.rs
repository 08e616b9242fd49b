//! What an earlier version has kept: a column `old`, half of what `sum` is now.

use crate::exports::azud::plugin::aggregate_migration::{Batch, Field, Guest};
use crate::{Hostile, SWITCH, answer, numbers, opens};

impl Guest for Hostile {
    fn former() -> Vec<Vec<Field>> {
        let switch = SWITCH.with_borrow(String::clone);
        let how = switch.strip_prefix("former ").unwrap_or_default();
        let state = |how| opens::open(how).unwrap_or_else(|_| unreachable!()).state;
        let old = || {
            let mut old = state("");
            old[0].name = "old".into();
            old
        };
        match how {
            "traps" => panic!("in former"),
            "loops" => loop {
                std::hint::black_box(());
            },
            "none" => Vec::new(),
            "many-versions" => (0..65).map(|_| old()).collect(),
            "two" => vec![vec![old().remove(0), state("").remove(0)], old()],
            "" => vec![old()],
            // As `open` must not.
            how => vec![old(), state(how)],
        }
    }

    fn migrate(version: u32, states: Batch) -> Result<Batch, String> {
        assert!(version < 2);
        let sums: Vec<i64> = numbers(&states).iter().map(|old| 2 * old).collect();
        answer("migrate ", &sums)
    }
}
