//! `azud dead-letters`.

mod chosen;
mod dry_run;
mod ls;
mod replay;
mod show;

use crate::args::LettersCommand;
use crate::failure::Failure;

pub(crate) fn dead_letters(command: &LettersCommand) -> Result<(), Failure> {
    match command {
        LettersCommand::Ls(arguments) => ls::ls(arguments),
        LettersCommand::Show(arguments) => show::show(arguments),
        LettersCommand::Replay(arguments) => replay::replay(arguments),
    }
}
