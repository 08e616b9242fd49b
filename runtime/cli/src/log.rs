//! The log: one line an event, on stderr.

mod fields;
mod json;
mod text;

use std::fmt;
use std::io::IsTerminal;
use std::sync::OnceLock;

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::failure::Failure;
use fields::Fields;
pub(crate) use json::shown;

/// The environment variable with the format.
const FORMAT: &str = "AZUD_LOG_FORMAT";

/// The pipeline that this process runs: what every line in JSON is of.
static PIPELINE: OnceLock<String> = OnceLock::new();

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
    let is_terminal = std::io::stderr().is_terminal();
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
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        // It would be told on stderr, which is what cannot be written to, and that panics.
        .log_internal_errors(false)
        .event_format(Lines(format))
        .finish();
    // Fails only if there is one already.
    let _ = tracing::subscriber::set_global_default(subscriber);
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
            LogFormat::Json => {
                let mut time = String::new();
                SystemTime.format_time(&mut Writer::new(&mut time))?;
                let pipeline = PIPELINE.get().map(String::as_str);
                json::line(&time, *event.metadata().level(), pipeline, fields)
            }
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
