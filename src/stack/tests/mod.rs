//! Whole files through the whole stage: what is accepted, what is refused, how it is shown.

mod accepted;
mod damaged;
mod discovery;
mod limits;
mod refused;
mod shown;
mod shown_between;
mod source;
mod template_forms;
mod templates;

use std::path::Path;

use super::error::{StackError, StackErrors};
use super::load::{Texts, resolve_all};
use super::model::Stack;
use super::project::Project;
use super::source::parse_stack;

/// The repository: its crates and templates are there for the files under test.
fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Takes a text as the file `stacks/test.yaml` of this repository.
fn resolve(text: &str, target: &str) -> Result<Stack, StackErrors> {
    resolve_in(project(), text, target)
}

/// Takes a text as the file `stacks/test.yaml` of the project in `root`.
fn resolve_in(root: &Path, text: &str, target: &str) -> Result<Stack, StackErrors> {
    let file = Path::new("stacks/test.yaml");
    let told = |errors: Vec<StackError>| StackErrors::in_text(file, text, errors);
    let tree = parse_stack(text).map_err(|error| told(vec![error]))?;
    let (stack, errors) = resolve_all(
        &Texts::new(text, &Project::default()),
        &tree,
        file,
        root,
        target,
    );
    if errors.is_empty() {
        Ok(stack)
    } else {
        Err(told(errors))
    }
}
