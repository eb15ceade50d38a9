//! The emulator as the AWS SDK for Rust sees it: every test starts one of its own, on a port the
//! system picks and in a temporary directory.

mod common;
mod dynamodb;
mod lambda;
mod logs;
mod platform;
mod s3;
mod sqs;
