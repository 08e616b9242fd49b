//! Runs azud, alone or watched, and measures it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// How often it is scraped.
const EVERY: Duration = Duration::from_secs(1);

/// How often it is looked whether it has ended, and what it has used.
const LOOKS: Duration = Duration::from_millis(5);

/// A tick of the processors' time that the system tells.
const TICK: Duration = Duration::from_millis(10);

/// What a run took.
#[derive(Default)]
pub(crate) struct Run {
    pub(crate) time: Duration,
    /// Of all threads together.
    pub(crate) processors: Duration,
    pub(crate) scrapes: u32,
    /// The longest that a scrape took.
    pub(crate) slowest: Duration,
}

/// Without an endpoint.
pub(crate) fn alone(manifest: &Path) -> Result<Run> {
    let started = now();
    let mut child = start(manifest, &[])?;
    let mut run = Run::default();
    while !has_ended(&mut child, &mut run)? {
        thread::sleep(LOOKS);
    }
    run.time = started.elapsed();
    Ok(run)
}

/// With one that is asked for metrics and status each second.
pub(crate) fn watched(manifest: &Path) -> Result<Run> {
    let started = now();
    let mut child = start(manifest, &["--listen", "127.0.0.1:0"])?;
    let stderr = child.stderr.take().context("no stderr")?;
    let mut lines = BufReader::new(stderr).lines();
    let said = lines.find_map(|line| {
        let line = line.ok()?;
        let (_, address) = line.split_once("the admin endpoint is http://")?;
        Some(address.to_owned())
    });
    let address = said.context("it told no address")?;
    // What it says besides is read, so that it never waits for that.
    let rest = thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    let mut run = Run::default();
    let mut next = now();
    while !has_ended(&mut child, &mut run)? {
        if now() >= next {
            next += EVERY;
            let began = now();
            // It may be just about to end.
            if ask(&address, "/metrics").is_ok() && ask(&address, "/status").is_ok() {
                run.scrapes += 1;
                run.slowest = run.slowest.max(began.elapsed());
            }
        }
        thread::sleep(LOOKS);
    }
    run.time = started.elapsed();
    ensure!(run.scrapes > 0, "it ended before it was scraped: more ROWS");
    let _ = rest.join();
    Ok(run)
}

fn start(manifest: &Path, arguments: &[&str]) -> Result<Child> {
    let binary = std::env::current_exe()?.with_file_name("azud");
    let child = Command::new(&binary)
        .arg("run")
        .arg(manifest)
        .args(arguments)
        // Its address is read from a line of text.
        .env("AZUD_LOG_FORMAT", "text")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    child.with_context(|| format!("{}: build the workspace first", binary.display()))
}

/// Looks what it has used, and whether it has ended: well, or that is an error.
fn has_ended(child: &mut Child, run: &mut Run) -> Result<bool> {
    let used = processors(child.id()).unwrap_or_default();
    run.processors = run.processors.max(used);
    match child.try_wait()? {
        None => Ok(false),
        Some(status) => {
            ensure!(status.success(), "azud ended with {status}");
            Ok(true)
        }
    }
}

/// What a process has used of the processors, as `/proc` tells it.
fn processors(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may have spaces, and ends with the last bracket; what follows begins with field 3.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * (user + system))
}

fn ask(address: &str, path: &str) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the machine's clock"
)]
fn now() -> Instant {
    Instant::now()
}
