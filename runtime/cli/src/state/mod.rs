//! `azud state`: what a checkpoint keeps, also while a pipeline runs over it.

mod export;
mod ls;
mod names;
mod place;
mod readable;
mod rows;

use crate::args::StateCommand;
use crate::failure::Failure;

pub(crate) fn state(command: &StateCommand) -> Result<(), Failure> {
    match command {
        StateCommand::Ls(arguments) => ls::ls(arguments),
        StateCommand::Show(arguments) => rows::show(arguments),
        StateCommand::Export(arguments) => export::export(arguments),
    }
}
