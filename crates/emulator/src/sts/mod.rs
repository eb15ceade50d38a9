//! sts.
