//! A new transform: every command that `azud new plugin` names, with what it prints.

use std::process::Command;

use crate::support::Bench;

#[test]
fn a_new_plugin_is_tested_built_and_run_at_once() {
    let bench = Bench::new();
    let wrote = bench.ok("", "new plugin some/where/my-filter");
    assert_eq!(
        wrote,
        "\
wrote some/where/my-filter
  src/lib.rs     the plugin and its test: edit this
  pipeline.yaml  a pipeline that runs it, with tests
  orders.json    what the pipeline reads
  README.md      these commands
  Cargo.toml     the crate
  Cargo.lock     the versions that it was tested with
  .gitignore     what git leaves out
  azud-plugin    the SDK, so that it builds anywhere
next
  cd some/where/my-filter
  cargo test               runs the plugin's own test, natively
  azud build               makes the component; the first time takes a minute
  azud test pipeline.yaml  runs the pipeline's tests
  azud run pipeline.yaml   runs the pipeline
"
    );
    let folder = "some/where/my-filter";
    let lock = bench.read(&format!("{folder}/Cargo.lock"));

    let native = bench.cargo_test(folder);
    assert_eq!(native.code, Some(0), "{}", native.stderr);
    let passed = "test tests::keeps_what_is_above ... ok";
    assert!(native.stdout.contains(passed), "{}", native.stdout);
    assert!(!native.stderr.contains("warning"), "{}", native.stderr);

    let built = bench.azud("", "build some/where/my-filter -o my_filter.wasm");
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    let (bytes, sha256) = bench.component("my_filter.wasm");
    let line = format!("my_filter.wasm  {bytes} bytes  sha256 {sha256}\n");
    assert_eq!(built.stdout, line);
    let first = format!(
        " INFO building the plugin in {}; the first time takes a minute or so\n",
        bench.real(folder)
    );
    // Another test may build beside it, which is told first.
    assert!(built.stderr.contains(&first), "{}", built.stderr);
    assert!(built.stderr.contains("Compiling my-filter v0.1.0"));
    assert_eq!(bench.read(&format!("{folder}/Cargo.lock")), lock);

    let again = bench.azud(folder, "build");
    let own = bench.real(&format!("{folder}/target/azud/my-filter.wasm"));
    assert_eq!(again.stderr, " INFO . is up to date\n");
    assert_eq!(
        again.stdout,
        format!("{own}  {bytes} bytes  sha256 {sha256}\n")
    );
    let json = format!(
        "{{\"path\":\"{own}\",\"bytes\":{bytes},\"sha256\":\"{sha256}\",\"world\":\"transform\",\"built\":false}}\n"
    );
    assert_eq!(bench.ok(folder, "build --json"), json);

    assert_eq!(
        bench.ok(folder, "check pipeline.yaml"),
        "pipeline.yaml: no errors\n"
    );
    assert_eq!(
        bench.ok(folder, "test pipeline.yaml"),
        "ok keeps what is above 50\nok rejects what is negative\n2 passed, 0 failed\n"
    );
    let table = "\
-------------------------------------------
Batch: 0
-------------------------------------------
+----+------+
|user|amount|
+----+------+
| ana|    51|
|  cy|   120|
+----+------+

";
    assert_eq!(bench.ok(folder, "run pipeline.yaml"), table);

    // An edit is built by the run itself.
    let source = format!("{folder}/src/lib.rs");
    let edited = bench
        .read(&source)
        .replace("amount > self.above", "amount <= self.above");
    bench.write(&source, &edited);
    let run = bench.ok(folder, "run pipeline.yaml");
    assert!(run.contains("|  bo|     7|\n+----+"), "{run}");
}

/// The SDK's copy is all that there is: nothing of this repository is needed.
#[test]
fn a_new_plugin_names_no_folder_but_its_own() {
    let bench = Bench::new();
    bench.ok("", "new plugin my_filter");
    let manifest = bench.read("my_filter/Cargo.toml");
    assert!(manifest.contains("azud-plugin = { path = \"azud-plugin\" }"));
    for file in [
        "Cargo.toml",
        "README.md",
        "LICENSE",
        "src/lib.rs",
        "wit/worlds.wit",
    ] {
        let copy = bench.path("my_filter/azud-plugin").join(file);
        assert!(copy.is_file(), "{file}");
    }
    let tests = bench.path("my_filter/azud-plugin/tests");
    assert!(!tests.exists(), "tests of the SDK need the repository");
}

/// Who called it by a path types the path again.
#[test]
fn the_commands_are_those_of_this_program() {
    let bench = Bench::new();
    let program = env!("CARGO_BIN_EXE_azud");
    let output = Command::new(program)
        .args(["new", "pipeline", "it's new"])
        .current_dir(bench.path(""))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "a name without blanks");
    let output = Command::new(program)
        .args(["new", "pipeline", "it's/new"])
        .current_dir(bench.path(""))
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains("  cd 'it'\\''s/new'\n"), "{stdout}");
    assert!(
        stdout.contains(&format!("  {program} run pipeline.yaml  ")),
        "{stdout}"
    );
}
