//! Runs azud, and kills it.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// No run takes longer unless it hangs.
const LONGEST: Duration = Duration::from_secs(60);

/// `azud run` in a folder; its log goes to a file there.
pub(crate) fn start(folder: &Path, kill_at: Option<&str>, arguments: &[&str]) -> Child {
    run(folder, kill_at, arguments).spawn().unwrap()
}

/// The same, before it is started.
pub(crate) fn run(folder: &Path, kill_at: Option<&str>, arguments: &[&str]) -> Command {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_azud"));
    command
        .current_dir(folder)
        .args(["run", "p.yaml"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .env_remove("AZUD_KILL_AT");
    if let Some(kill_at) = kill_at {
        command.env("AZUD_KILL_AT", kill_at);
    }
    command
}

/// Waits for its end; a run that hangs is killed, and fails the test.
pub(crate) fn wait(child: &mut Child, folder: &Path) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if started.elapsed() > LONGEST {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it hangs: {}", log(folder));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Runs to the end, which must be a good one.
pub(crate) fn finish(folder: &Path, arguments: &[&str]) {
    let status = wait(&mut start(folder, None, arguments), folder);
    assert!(status.success(), "{status}: {}", log(folder));
}

/// Runs, and gives what it said when it refused.
pub(crate) fn refused(folder: &Path, arguments: &[&str]) -> String {
    std::fs::remove_file(folder.join("log")).ok();
    let status = wait(&mut start(folder, None, arguments), folder);
    assert!(!status.success(), "it did not refuse: {}", log(folder));
    log(folder)
}

pub(crate) fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}
