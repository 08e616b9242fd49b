//! `azud new`: folders that run at once.

mod folder;
mod kafka;
mod lock;
mod name;
mod pipeline;
mod plugin;
mod sdk;
mod steps;

use crate::args::NewCommand;
use crate::failure::Failure;

pub(crate) fn new(command: &NewCommand) -> Result<(), Failure> {
    match command {
        NewCommand::Plugin(plugin) => plugin::new(plugin),
        NewCommand::Pipeline(pipeline) => pipeline::new(pipeline),
    }
}
