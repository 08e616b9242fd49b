//! `azud schema`.

use azud_engine::manifest_connectors;

use crate::failure::Failure;
use crate::output::print;

pub(crate) fn schema() -> Result<(), Failure> {
    let schema = azud_manifest::json_schema(&manifest_connectors());
    print(&format!("{schema:#}\n"))
}
