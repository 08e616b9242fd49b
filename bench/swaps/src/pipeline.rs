//! A pipeline that runs.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::kind::Kind;
use crate::receiver::Receiver;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// An `azud run`.
pub(crate) struct Pipeline {
    child: Child,
    address: String,
    folder: PathBuf,
    /// Answers the last line that it told.
    told: Option<JoinHandle<String>>,
}

/// How often the plugin was called, and how many seconds that took.
#[derive(Clone, Copy)]
pub(crate) struct Calls {
    pub(crate) count: f64,
    seconds: f64,
}

// === impl Pipeline ===

impl Pipeline {
    /// With so many rows a second, or as many as it takes.
    pub(crate) fn start(
        folder: &Path,
        kind: &Kind,
        receiver: &Receiver,
        rate: Option<u64>,
        component: &[u8],
    ) -> Result<Self> {
        fs::write(folder.join("first.wasm"), component)?;
        let rate = rate.map_or(String::new(), |rate| format!("rows_per_second: {rate}, "));
        let nodes = kind.nodes.replace("PORT", &receiver.port().to_string());
        let manifest = folder.join("pipeline.yaml");
        let text = format!(
            "name: swaps\ntrigger: continuous\nparallelism: 2\n\
             checkpoint: {{ to: ./state, every: 250ms }}\n\
             sources:\n  numbers: {{ generator: {{ {rate}columns: {{ {} }} }} }}\n{nodes}",
            kind.columns
        );
        fs::write(&manifest, text)?;
        let mut child = Command::new(azud()?)
            .arg("run")
            .arg(manifest)
            .args(["--listen", "127.0.0.1:0"])
            // What it tells is read as a line of text.
            .env("AZUD_LOG_FORMAT", "text")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().context("no stderr")?;
        let mut lines = BufReader::new(stderr).lines();
        let address = lines.find_map(|line| {
            let line = line.ok()?;
            let (_, address) = line.split_once("the admin endpoint is http://")?;
            Some(address.to_owned())
        });
        let told = thread::spawn(move || lines.map_while(Result::ok).last().unwrap_or_default());
        Ok(Self {
            child,
            address: address.context("it told no address")?,
            folder: folder.to_owned(),
            told: Some(told),
        })
    }

    /// Waits until some are committed.
    pub(crate) fn wait_for_rows(&self) -> Result<()> {
        let began = now();
        while self.metric("azud_committed_epochs_total{")? < 2.0 {
            ensure!(began.elapsed() < PATIENCE, "no epoch was committed");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Records that it has read so far.
    pub(crate) fn read(&self) -> Result<u64> {
        Ok(self.metric("azud_source_read_records_total{")? as u64)
    }

    pub(crate) fn calls(&self) -> Result<Calls> {
        Ok(Calls {
            count: self.metric("azud_plugin_call_duration_seconds_count{")?,
            seconds: self.metric("azud_plugin_call_duration_seconds_sum{")?,
        })
    }

    /// Lets a version take over; answers for how long a lane was busy with that, at most.
    pub(crate) fn swap(&self, node: &str, component: &[u8]) -> Result<Duration> {
        let path = self.folder.join("next.wasm");
        fs::write(&path, component)?;
        let mut command = Command::new(azud()?);
        command.args(["reload", "--at", &self.address, node]);
        let output = command.arg(path).output()?;
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        ensure!(output.status.success(), "{text}");
        let pause = text.split_once("the swap for ").context(text.clone())?.1;
        let micros = pause.split(' ').next().context(text.clone())?.parse()?;
        Ok(Duration::from_micros(micros))
    }

    /// Bytes of memory that it has.
    pub(crate) fn memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().next());
        Ok(kibibytes.context("no VmRSS")?.parse::<u64>()? << 10)
    }

    /// How many instances of plugins it has: each reserves 4 GiB for its memory.
    pub(crate) fn instances(&self) -> Result<usize> {
        let maps = fs::read_to_string(format!("/proc/{}/maps", self.child.id()))?;
        let sizes = maps.lines().filter_map(|line| {
            let (from, to) = line.split_whitespace().next()?.split_once('-')?;
            let at = |text| u64::from_str_radix(text, 16).ok();
            at(to)?.checked_sub(at(from)?)
        });
        Ok(sizes.filter(|size| *size >= 2 << 30).count())
    }

    /// Drains it; answers how many records it has read, by its last word.
    pub(crate) fn drain(mut self) -> Result<u64> {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-s", "INT", &id]).status()?;
        let status = self.child.wait()?;
        let told = self.told.take().and_then(|told| told.join().ok());
        let told = told.unwrap_or_default();
        ensure!(status.success(), "azud ended with {status}: {told}");
        let records = told.split_once(" records").map(|(before, _)| before);
        let records = records.and_then(|before| before.rsplit(' ').next());
        Ok(records.with_context(|| told.clone())?.parse()?)
    }

    /// The value of the first series whose name and labels begin so; 0 where there is none yet.
    fn metric(&self, begin: &str) -> Result<f64> {
        let mut stream = TcpStream::connect(&self.address)?;
        write!(
            stream,
            "GET /metrics HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            self.address
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let line = answer.lines().find(|line| line.starts_with(begin));
        let value = line.and_then(|line| line.rsplit(' ').next());
        Ok(value.map_or(Ok(0.0), str::parse)?)
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// === impl Calls ===

impl Calls {
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            count: self.count - before.count,
            seconds: self.seconds - before.seconds,
        }
    }

    pub(crate) fn mean(self) -> Duration {
        Duration::try_from_secs_f64(self.seconds / self.count).unwrap_or_default()
    }
}

/// The program beside this one.
fn azud() -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("azud");
    ensure!(
        path.exists(),
        "{}: build the workspace first",
        path.display()
    );
    Ok(path)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the machine's clock"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
