//! Why a command failed, and the exit code that says so.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use azud_manifest::Report;
use azud_model::{Error, ErrorKind};

use crate::log;

/// What a command ends with when it does not succeed.
pub(crate) enum Failure {
    /// The manifest, or something that it names, is wrong.
    Report(Report),
    /// A flag or file is wrong.
    Input(String),
    /// The pipeline failed.
    Pipeline(Error),
    /// A pipeline that was asked does not answer, or could not do it.
    Asked(String),
    /// What was to be printed cannot be written to the standard output.
    Output(io::Error),
    /// The input is wrong, and that was told already.
    Silent,
    /// Tests failed, and that was told already.
    Tests,
    /// So many nodes would lose what a checkpoint keeps.
    Lost(usize),
}

// === impl Failure ===

impl Failure {
    /// Tells it on stderr; answers the exit code.
    pub(crate) fn report(self) -> ExitCode {
        // What is drawn in colours moves the cursor by itself, and shows nothing else that does.
        let is_drawn = colour() && matches!(self, Self::Report(_));
        let (text, code) = self.told(is_drawn);
        match is_drawn {
            true => log::print(&text),
            false => log::print(&azud_sandbox::escaped_lines(&text)),
        }
        ExitCode::from(code)
    }

    /// The same as a line of the log.
    pub(crate) fn log(self) -> ExitCode {
        let (text, code) = self.told(false);
        let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
        if !text.is_empty() {
            tracing::error!(exit_code = code, "{text}");
        }
        ExitCode::from(code)
    }

    /// What is told of it, as a part of another message.
    pub(crate) fn message(self) -> String {
        let (text, _) = self.told(false);
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        text.trim_end().to_owned()
    }

    /// What is told of it, and the exit code.
    pub(crate) fn told(self, colour: bool) -> (String, u8) {
        match self {
            Self::Report(report) => {
                let count = report.diagnostics().len();
                let errors = if count == 1 { "error" } else { "errors" };
                let drawn = report.render(colour);
                (format!("{drawn}\n\n{count} {errors}\n"), 2)
            }
            Self::Input(message) => (format!("error: {message}\n"), 2),
            // `azud run ... | head`: whoever went away knows it.
            Self::Pipeline(error) if error.kind() == ErrorKind::Closed => (String::new(), 1),
            Self::Pipeline(error) => (format!("error: {error}\n"), 1),
            Self::Asked(message) => (format!("error: {message}\n"), 1),
            Self::Output(error) => {
                let told = format!("error: cannot write to the standard output: {error}\n");
                (told, 1)
            }
            Self::Silent => (String::new(), 2),
            Self::Tests => (String::new(), 1),
            Self::Lost(nodes) => (format!("error: {nodes} of the nodes cannot go on\n"), 1),
        }
    }
}

fn colour() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
