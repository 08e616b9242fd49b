//! The log: one line an event, on stderr.

mod fields;
mod json;
mod stderr;
mod text;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::io::{self, IsTerminal};
use std::panic;
use std::sync::{Arc, LazyLock, OnceLock};
use std::thread;
use std::time::Duration;

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::failure::Failure;
use fields::Fields;
pub(crate) use json::shown;
use stderr::{Line, Output, Patience, Stderr};

/// The environment variable with the format.
const FORMAT: &str = "AZUD_LOG_FORMAT";

/// The pipeline that this process runs: what every line in JSON is of.
static PIPELINE: OnceLock<String> = OnceLock::new();

/// How lines are written; as text where nobody has said it yet.
static CHOSEN: OnceLock<LogFormat> = OnceLock::new();

/// Where they go.
static STDERR: LazyLock<Arc<Output<Stderr>>> =
    LazyLock::new(|| Output::new(Stderr::open(), left_out));

/// Whoever reads the log of a service holds up its end no longer.
const AT_END: Patience = Patience {
    still: Duration::from_secs(1),
    all: Duration::from_secs(10),
};

/// The same where it is to end at once.
const AT_ONCE: Patience = Patience {
    still: Duration::from_millis(100),
    all: Duration::from_secs(1),
};

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people: the level and the message.
    Text,
    /// For programs: an object a line.
    Json,
}

/// Writes lines in a format.
struct Lines(LogFormat);

/// The format that is asked for: by the flag, by the environment, or by whether somebody looks at a
/// terminal.
///
/// # Errors
/// `Input` where the environment names none.
pub(crate) fn format(flag: Option<LogFormat>) -> Result<LogFormat, Failure> {
    let variable = std::env::var_os(FORMAT).unwrap_or_default();
    let is_terminal = io::stderr().is_terminal();
    chosen(flag, &variable.to_string_lossy(), is_terminal).map_err(Failure::Input)
}

fn chosen(flag: Option<LogFormat>, variable: &str, is_terminal: bool) -> Result<LogFormat, String> {
    match (flag, variable) {
        (Some(format), _) => Ok(format),
        (None, "") if is_terminal => Ok(LogFormat::Text),
        (None, "") => Ok(LogFormat::Json),
        (None, name) => LogFormat::from_str(name, true).map_err(|_| {
            let name = azud_sandbox::escaped(name);
            format!("{FORMAT} is `{name}`, which is no format of the log: write `text` or `json`")
        }),
    }
}

/// Starts it. `verbose` counts the flags `-v`.
pub(crate) fn start(verbose: u8, format: LogFormat) {
    let level = match verbose {
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // Fails only if there is one already.
    let _ = CHOSEN.set(format);
    panic::set_hook(Box::new(|panicked| {
        let thread = thread::current();
        let name = thread.name().unwrap_or("<unnamed>");
        // Where RUST_BACKTRACE asks for it.
        let trace = Backtrace::capture();
        let trace = match trace.status() {
            BacktraceStatus::Captured => format!("\n{trace}"),
            _ => String::new(),
        };
        // Behind what was told before, and there if the process ends now.
        print(&format!("thread `{name}` {panicked}{trace}\n"));
        STDERR.flush(Some(AT_END));
    }));
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(|| Line(&STDERR))
        .with_ansi(false)
        // It would be told on stderr, which is what cannot be written to, and that panics.
        .log_internal_errors(false)
        .event_format(Lines(format))
        .finish();
    // Fails only if there is one already.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Writes what is no event of the log, behind what is.
pub(crate) fn print(text: &str) {
    STDERR.line(text.as_bytes());
}

/// Waits until all that was told is written: of a service, unless nobody reads it, or too slowly.
/// Nothing is told any more by a process that ends without it.
pub(crate) fn flush(is_service: bool) {
    STDERR.flush(is_service.then_some(AT_END));
}

/// The same of a service that is to end at once.
pub(crate) fn flush_at_once() {
    STDERR.flush(Some(AT_ONCE));
}

/// A line in place of so many that nobody read.
fn left_out(count: u64) -> String {
    let lines = if count == 1 { "line" } else { "lines" };
    let are = if count == 1 { "is" } else { "are" };
    let fields = Fields {
        message: format!("{count} {lines} of the log {are} left out: nobody read it"),
        others: vec![("left_out", count.into())],
    };
    let line = match CHOSEN.get() {
        Some(LogFormat::Json) => json::line(&now(), Level::WARN, pipeline(), fields),
        _ => text::written(Level::WARN, None, &fields.message),
    };
    format!("{line}\n")
}

/// The time as lines in JSON have it.
fn now() -> String {
    let mut time = String::new();
    // Writing to a string cannot fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    time
}

fn pipeline() -> Option<&'static str> {
    PIPELINE.get().map(String::as_str)
}

/// Lines in JSON name this pipeline from now on.
pub(crate) fn of_pipeline(name: &str) {
    // Fails only if there is one already: a process runs one.
    let _ = PIPELINE.set(name.to_owned());
}

// === impl Lines ===

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let fields = Fields::of(event);
        let line = match self.0 {
            LogFormat::Text => text::line(event.metadata(), &fields),
            LogFormat::Json => json::line(&now(), *event.metadata().level(), pipeline(), fields),
        };
        writeln!(writer, "{line}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_counts_before_the_environment_and_that_before_the_terminal() {
        let (text, json) = (Ok(LogFormat::Text), Ok(LogFormat::Json));
        assert_eq!(chosen(None, "", true), text);
        assert_eq!(chosen(None, "", false), json);
        assert_eq!(chosen(None, "json", true), json);
        assert_eq!(chosen(None, "TEXT", false), text);
        assert_eq!(chosen(Some(LogFormat::Text), "json", false), text);
        assert_eq!(chosen(Some(LogFormat::Json), "yaml", true), json);
        let error = "AZUD_LOG_FORMAT is `ya\\nml`, which is no format of the log: write `text` or \
                     `json`";
        assert_eq!(chosen(None, "ya\nml", true), Err(error.to_owned()));
    }
}
