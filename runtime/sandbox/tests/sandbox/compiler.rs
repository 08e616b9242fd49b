//! Compilers that do not do it: each is told, none is believed.

use std::time::Duration;

use azud_sandbox::{Compiler, Plugin, Sandbox, Settings};

use crate::support::guest;

/// What loading a plugin says where this compiles.
fn refusal(compiler: Compiler) -> String {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::new(Settings {
        cache: Some(folder.path().into()),
        compiler: Some(compiler),
    });
    let bytes = std::fs::read(guest("hostile")).unwrap();
    let error = Plugin::from_bytes(&sandbox.unwrap(), "x.wasm", &bytes, None).unwrap_err();
    let kept = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(kept, 0, "nothing of it is kept");
    error.to_string()
}

fn shell(script: &str) -> Compiler {
    Compiler::new("sh", &["-c", script])
}

#[test]
fn one_that_takes_too_long_is_ended() {
    for script in [
        "exec sleep 1000",
        // It does not even close its pipes, or closes them and stays.
        "while :; do :; done",
        "cat > /dev/null; exec sleep 1000",
    ] {
        let mut compiler = shell(script);
        compiler.time = Duration::from_millis(200);
        assert_eq!(
            refusal(compiler),
            "compiling x.wasm took longer than 200ms; a plugin of another size, or built with \
             optimisation, compiles in seconds"
        );
    }
    assert_eq!(
        refusal(shell("kill -XCPU $$")),
        "compiling x.wasm took longer than 60s; a plugin of another size, or built with \
         optimisation, compiles in seconds"
    );
}

#[test]
fn one_that_says_nothing_but_stays_is_ended() {
    let script = "exec >&- 2>&-; exec sleep 1000";
    assert_eq!(
        refusal(shell(script)),
        "x.wasm cannot be compiled: the compiler failed: it ended with signal: 9 (SIGKILL)"
    );
}

#[test]
fn one_that_crashes_is_told_with_its_last_words() {
    assert_eq!(
        refusal(shell("kill -ABRT $$")),
        "x.wasm cannot be compiled: the compiler failed: it ended with signal: 6 (SIGABRT)"
    );
    assert_eq!(
        refusal(shell("echo a; printf 'b\\033[2J\\n\\n' >&2; exit 3")),
        "x.wasm cannot be compiled: the compiler failed: it ended with exit status: 3, \
         and said: b\\u{1b}[2J"
    );
    assert_eq!(
        refusal(Compiler::new("/nowhere/azud", &[])),
        "x.wasm cannot be compiled: the compiler failed: /nowhere/azud cannot be started: \
         No such file or directory (os error 2)"
    );
}

#[test]
fn one_that_has_no_memory_left_is_told() {
    let script = "echo 'memory allocation of 40 bytes failed' >&2; kill -ABRT $$";
    assert_eq!(
        refusal(shell(script)),
        "compiling x.wasm needed more than 4 GiB of memory; is it a plugin?"
    );
}

#[test]
fn what_is_not_sealed_is_no_code() {
    for script in [
        "cat",
        "echo stray",
        "exit 0",
        "cat; cat",
        "yes | head -c 1000000",
    ] {
        let error = refusal(shell(script));
        assert!(
            error.starts_with(
                "x.wasm cannot be compiled: the compiler failed: it ended with exit status: 0"
            ),
            "{script}: {error}"
        );
    }
}
