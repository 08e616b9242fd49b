//! A plugin built for WASI 0.2: what it sees of the world is its answer.

use std::{collections::HashMap, env, fs, time::SystemTime};

wit_bindgen::generate!({ path: "../../../wit", world: "transform-plugin" });

use exports::azud::plugin::transform::{Batch, Column, Field, Guest, Opened, Output};

struct World;

export!(World);

impl Guest for World {
    fn open(config: String, _: Vec<Field>) -> Result<Opened, String> {
        println!("opened with {config}");
        let field = Field {
            name: "seen".into(),
            format: "u".into(),
            nullable: false,
            children: 0,
        };
        Ok(Opened {
            reads: vec![],
            columns: vec![Column::Computed(vec![field])],
        })
    }

    fn process(_: Batch) -> Result<Output, String> {
        eprintln!("a warning");
        let seen = [
            format!("{} arguments", env::args().count()),
            format!("{} variables", env::vars().count()),
            format!(
                "{} s",
                SystemTime::now()
                    .duration_since(SystemTime::UNIX_EPOCH)
                    .unwrap()
                    .as_secs()
            ),
            format!(
                "{:?}",
                fs::read("/etc/passwd").map_err(|error| error.kind())
            ),
            // The order of a hash map is the seed's.
            format!(
                "{:?}",
                (0..8)
                    .map(|key| (key, ()))
                    .collect::<HashMap<_, _>>()
                    .into_keys()
                    .collect::<Vec<_>>()
            ),
        ];
        let data: Vec<u8> = seen.concat().into_bytes();
        let ends = seen.iter().scan(0, |end, text| {
            *end += text.len() as u32;
            Some(*end)
        });
        let offsets = std::iter::once(0)
            .chain(ends)
            .flat_map(u32::to_le_bytes)
            .collect();
        let batch = Batch {
            rows: seen.len() as u32,
            buffers: vec![vec![], offsets, data],
        };
        Ok(Output {
            rows: vec![],
            batch,
            rejected: vec![],
        })
    }
}
