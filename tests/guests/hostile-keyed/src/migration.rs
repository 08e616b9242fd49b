//! What an earlier version has kept: a value `old(sum)`, which becomes `total`.

use crate::exports::azud::plugin::keyed::{Answer, State, Work};
use crate::exports::azud::plugin::migration::Guest;
use crate::{Hostile, SWITCH, add, nothing, numbers, opens, right, spoil};

impl Guest for Hostile {
    fn former() -> Vec<Vec<State>> {
        let switch = SWITCH.with_borrow(String::clone);
        let how = switch.strip_prefix("former ").unwrap_or_default();
        let old = || {
            let mut states = opens::open("").unwrap_or_else(|_| unreachable!()).states;
            states.truncate(1);
            states[0].name = "old".into();
            states
        };
        match how {
            "traps" => panic!("in former"),
            "loops" => loop {
                std::hint::black_box(());
            },
            "none" => Vec::new(),
            "many-versions" => (0..65).map(|_| old()).collect(),
            "two" => vec![Vec::new(), old()],
            // As `open` must not.
            "" => vec![old()],
            how => {
                let opened = opens::open(how);
                vec![old(), opened.unwrap_or_else(|_| unreachable!()).states]
            }
        }
    }

    fn migrate(version: u32, work: Work) -> Result<Answer, String> {
        assert_eq!(work.rows.rows + work.due.kinds.len() as u32, 0);
        let mut sums = vec![0; work.keys.rows as usize];
        assert!(version < 2);
        if let Some(known) = work.states.first() {
            add(&mut sums, &known.groups, &numbers(&known.rows));
        }
        let mut right = right(&sums);
        right.output = nothing(2);
        right.deleted = work.pending;
        let switch = SWITCH.with_borrow(String::clone);
        match switch.strip_prefix("migrate ") {
            Some("gives") => {
                right.output = crate::batch(&sums);
                Ok(right)
            }
            Some(how) => spoil::spoil(how, right),
            None => Ok(right),
        }
    }
}
