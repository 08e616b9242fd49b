//! Count and maximum by user and window, with nothing that survives a crash: every row is put
//! into each of its windows.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Error, Result, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Click {
    user: String,
    amount: i64,
    ts: String,
    #[expect(dead_code, reason = "decoded, as Azud decodes it")]
    url: String,
}

#[derive(Serialize)]
struct Counted<'a> {
    start: i64,
    user: &'a str,
    clicks: u64,
    most: i64,
}

/// Windows of `size` seconds, one every `slide`.
pub(crate) fn count(files: &[PathBuf], mut out: impl Write, size: i64, slide: i64) -> Result<u64> {
    let mut windows: HashMap<i64, HashMap<String, (u64, i64)>> = HashMap::new();
    for file in files {
        let mut reader = BufReader::with_capacity(1 << 18, File::open(file)?);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            let click: Click = serde_json::from_slice(&line)?;
            let second = second(&click.ts).ok_or_else(|| Error::other("no time"))?;
            let mut start = second - second.rem_euclid(slide);
            while start > second - size {
                let users = windows.entry(start).or_default();
                match users.get_mut(&click.user) {
                    Some((clicks, most)) => {
                        *clicks += 1;
                        *most = click.amount.max(*most);
                    }
                    None => {
                        users.insert(click.user.clone(), (1, click.amount));
                    }
                }
                start -= slide;
            }
            line.clear();
        }
    }
    let mut rows = 0;
    for (start, users) in &windows {
        for (user, (clicks, most)) in users {
            let counted = Counted {
                start: *start,
                user,
                clicks: *clicks,
                most: *most,
            };
            serde_json::to_writer(&mut out, &counted)?;
            out.write_all(b"\n")?;
            rows += 1;
        }
    }
    Ok(rows)
}

/// The second of the day; the data is of one day.
fn second(time: &str) -> Option<i64> {
    let part = |from: usize| time.get(from..from + 2)?.parse::<i64>().ok();
    Some(part(11)? * 3600 + part(14)? * 60 + part(17)?)
}
