//! Stage 1: a stack file becomes a validated [`Stack`](model::Stack), or all of its errors at once.
//!
//! ```text
//! text → tree with places (source) → overrides merged → read (types, units, ranges, names)
//!      → resolve (what does not fit together) → model
//! ```

mod address;
mod checker;
mod error;
mod fields;
mod iam;
mod load;
mod lookup;
pub mod model;
mod names;
mod overrides;
mod project;
pub mod raw;
mod read;
mod resolve;
mod schema;
mod source;
pub(crate) mod suggest;
mod template;
mod template_content;
#[cfg(test)]
mod tests;
mod units;

pub use address::Address;
pub use error::{Code, StackError, StackErrors};
pub use load::{discover, load, root_of};
pub use names::ZIPS;
pub use project::{EmbeddedSettings, Project, project};
pub use read::target::{OwnCredentials, OwnTarget};

/// What a project's own targets may set, for the stage that knows what it means.
pub mod settings {
    pub use super::read::target::{BUILT_IN, capabilities, deadlines, is_key_of_aws};
}
pub use schema::schema;
pub use template_content::{Content as TemplateContent, ascii};
