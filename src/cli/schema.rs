//! `pipectl schema`

use super::Ended;

/// Print the JSON schema of stack files
#[derive(Debug, clap::Args)]
pub struct SchemaArgs {}

pub(super) fn run(_args: SchemaArgs) -> Ended {
    crate::render::raw(&format!("{:#}", crate::stack::schema()));
    Ok(())
}
