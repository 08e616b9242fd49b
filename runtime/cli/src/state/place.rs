//! Which checkpoint is meant: a manifest's, one in a folder, or one in a bucket.

use std::path::Path;

use azud_state::{Location, View};
use tokio::runtime::{Builder, Runtime};

use crate::failure::Failure;
use crate::load;

/// The checkpoint of a manifest, in a folder, or at a URL.
pub(super) fn view(path: &Path) -> Result<(Runtime, View), Failure> {
    let url = path.to_str().filter(|text| text.contains("://"));
    let location = match (url, path.is_dir()) {
        (Some(url), _) => Location::new(url, Path::new("")).map_err(input)?,
        (None, true) => Location::Folder(path.to_owned()),
        (None, false) => {
            let manifest = load::manifest(path)?;
            let Some(checkpoint) = &manifest.checkpoint else {
                let shown = path.display();
                return Err(Failure::Input(format!("{shown} has no `checkpoint`")));
            };
            Location::new(&checkpoint.to.value, &load::directory(path)).map_err(input)?
        }
    };
    if location.folder().is_some_and(|folder| !folder.is_dir()) {
        return Err(Failure::Input(format!(
            "there is no checkpoint `{location}`: the pipeline has not run yet"
        )));
    }
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Input(format!("cannot wait: {error}")))?;
    Ok((runtime, View::new(location.storage().map_err(input)?)))
}

/// What is asked for is not there, or cannot be read.
pub(super) fn input(error: azud_model::Error) -> Failure {
    Failure::Input(error.to_string())
}
