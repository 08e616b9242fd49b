//! Which checkpoint is meant: a manifest's, or a folder.

use std::path::Path;

use azud_state::{Location, View};
use tokio::runtime::{Builder, Runtime};

use crate::failure::Failure;
use crate::load;

/// The checkpoint of a manifest, or in a folder.
pub(super) fn view(path: &Path) -> Result<(Runtime, View), Failure> {
    let location = match path.is_dir() {
        true => Location::Folder(path.to_owned()),
        false => {
            let manifest = load::manifest(path)?;
            let Some(checkpoint) = &manifest.checkpoint else {
                let shown = path.display();
                return Err(Failure::Input(format!("{shown} has no `checkpoint`")));
            };
            Location::new(&checkpoint.to.value, &load::directory(path)).map_err(input)?
        }
    };
    if !location.folder().is_dir() {
        return Err(Failure::Input(format!(
            "there is no checkpoint `{location}`: the pipeline has not run yet"
        )));
    }
    let runtime = Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| Failure::Input(format!("cannot wait: {error}")))?;
    Ok((runtime, View::new(location.storage())))
}

/// What is asked for is not there, or cannot be read.
pub(super) fn input(error: azud_model::Error) -> Failure {
    Failure::Input(error.to_string())
}
