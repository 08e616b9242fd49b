//! The jobs of the benchmarks as plain loops on one thread: what the machine can do.
//!
//! `azud-bench-native json|words|tumbling|sliding DATA OUT`;
//! prints the rows that it wrote.

mod windows;

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Error, Result, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Click {
    user: String,
    amount: i64,
    #[expect(dead_code, reason = "decoded, as Azud decodes it")]
    ts: String,
    url: String,
    #[expect(dead_code, reason = "decoded, as Azud decodes it")]
    ok: bool,
}

#[derive(Serialize)]
struct Large {
    user: String,
    doubled: i64,
    url: String,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [job, data, out] = arguments.as_slice() else {
        return Err(Error::other(
            "azud-bench-native json|words|tumbling|sliding DATA OUT",
        ));
    };
    let mut files = std::fs::read_dir(data)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>>>()?;
    files.sort();
    let out = BufWriter::with_capacity(1 << 18, File::create(out)?);
    let rows = match job.as_str() {
        "json" => json(&files, out)?,
        "tumbling" => windows::count(&files, out, 10, 10)?,
        "sliding" => windows::count(&files, out, 60, 1)?,
        _ => words(&files, out)?,
    };
    writeln!(std::io::stdout(), "{rows}")
}

fn json(files: &[PathBuf], mut out: impl Write) -> Result<u64> {
    let mut rows = 0;
    for file in files {
        let mut reader = BufReader::with_capacity(1 << 18, File::open(file)?);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            let click: Click = serde_json::from_slice(&line)?;
            if click.amount > 50 {
                let large = Large {
                    user: click.user,
                    doubled: click.amount * 2,
                    url: click.url,
                };
                serde_json::to_writer(&mut out, &large)?;
                out.write_all(b"\n")?;
                rows += 1;
            }
            line.clear();
        }
    }
    out.flush()?;
    Ok(rows)
}

fn words(files: &[PathBuf], mut out: impl Write) -> Result<u64> {
    let mut counts: HashMap<Vec<u8>, u64> = HashMap::new();
    for file in files {
        let mut reader = BufReader::with_capacity(1 << 18, File::open(file)?);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            let words = line.split(|byte| byte.is_ascii_whitespace());
            for word in words.filter(|word| !word.is_empty()) {
                match counts.get_mut(word) {
                    Some(count) => *count += 1,
                    None => drop(counts.insert(word.to_vec(), 1)),
                }
            }
            line.clear();
        }
    }
    for (word, count) in &counts {
        let word = String::from_utf8_lossy(word);
        writeln!(out, "{{\"word\":\"{word}\",\"count\":{count}}}")?;
    }
    out.flush()?;
    Ok(counts.values().sum())
}
