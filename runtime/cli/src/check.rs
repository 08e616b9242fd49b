//! `azud check`.

use azud_manifest::Report;
use serde_json::{Value, json};

use crate::args::CheckArguments;
use crate::failure::Failure;
use crate::load;
use crate::output::{print, print_text};
use crate::tree;

pub(crate) fn check(arguments: &CheckArguments) -> Result<(), Failure> {
    match load::plan(&arguments.file) {
        Ok(_) if arguments.json => print("[]\n")?,
        Ok(plan) if arguments.schema => {
            let trees = plan.schemas().into_iter();
            let trees = trees.map(|(node, schema)| format!("{node}\n{}", tree::tree(schema)));
            print_text(&trees.collect::<Vec<_>>().join("\n"))?;
        }
        Ok(_) => print(&format!("{}: no errors\n", arguments.file.display()))?,
        Err(Failure::Report(report)) if arguments.json => {
            print(&format!("{:#}\n", as_json(&report)))?;
            return Err(Failure::Silent);
        }
        Err(Failure::Input(message)) if arguments.json => {
            let file = arguments.file.display().to_string();
            let only =
                json!([{ "file": file, "line": 1, "column": 1, "message": message, "help": null }]);
            print(&format!("{only:#}\n"))?;
            return Err(Failure::Silent);
        }
        Err(failure) => return Err(failure),
    }
    Ok(())
}

fn as_json(report: &Report) -> Value {
    let one = |diagnostic: &azud_manifest::Diagnostic| {
        let (line, column) = diagnostic.line_and_column();
        json!({
            "file": diagnostic.file(),
            "line": line,
            "column": column,
            "message": diagnostic.message(),
            "help": diagnostic.help(),
        })
    };
    report.diagnostics().iter().map(one).collect()
}
