//! Stage 1: a stack file becomes a validated [`Stack`](model::Stack), or all of its errors at once.
//!
//! ```text
//! text → tree with places (source) → overrides merged → read (types, units, ranges, names)
//!      → resolve (what does not fit together) → model
//! ```

mod checker;
mod error;
mod fields;
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
mod suggest;
#[cfg(test)]
mod tests;
mod units;

pub use error::{Code, StackError, StackErrors};
pub use load::{discover, load};
pub use names::ZIPS;
pub use project::{EmbeddedSettings, Project, project};
pub use schema::schema;
