//! pipectl: from a YAML file to a running, measured and trusted event-driven pipeline.
//!
//! ```text
//! stack YAML → Stack (validated, with spans) → Graph → Observed → Plan (pure) → apply
//!                                                            → stream of Events → human | JSON
//! ```

pub mod stack;
