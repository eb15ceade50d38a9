//! Where a stack lives. A target is a row of data: endpoint, region, credentials, capabilities and
//! deadlines. Code asks its capabilities and never its name.

mod capabilities;
pub mod clients;
mod connection;
pub mod embedded;
mod error;
mod lab;
pub mod probe;
pub mod record;
pub mod refused;
mod row;

use std::sync::Arc;

use crate::stack::Address;

pub use capabilities::{Capabilities, Deadlines, Parallel};
pub use clients::Clients;
pub use connection::Connection;
pub use error::TargetError;
pub use lab::{LAB_ROLE, MAX_CONCURRENCY as LAB_CONCURRENCY};
pub use probe::{Product, ProductName};
pub use row::{Credentials, EMBEDDED, ROWS, Secret, TargetRow, row, rows};

/// A target that answered: a row with the endpoint in use, the account behind it, and what it is.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its row.
    pub row: Arc<TargetRow>,
    /// How it is spoken to.
    pub connection: Connection,
    /// Account id (12 digits).
    pub account: String,
    /// The program that answers there.
    pub product: Product,
    /// May settings be chosen for it that make it faster, and are no part of the stack?
    pub tuning: bool,
    /// How far its clock is ahead of this machine's, where they differ by more than such clocks do.
    pub clock_ahead: Option<time::Duration>,
    /// ARN of the role that every function has that names none, where we make none.
    pub shared_role: Option<String>,
    capabilities: Capabilities,
}

impl Target {
    /// A row behind whose endpoint is this program.
    pub fn new(
        row: Arc<TargetRow>,
        connection: Connection,
        account: String,
        product: Product,
    ) -> Self {
        let mut capabilities = row.capabilities;
        product.adjust(&mut capabilities);
        // Nobody knows whether it has CloudFormation.
        if product.name == ProductName::Other && !row.signs_for_aws() {
            capabilities.templates = false;
        }
        // Whoever writes a capability down knows better than the program's name tells.
        for (name, value) in &row.settled {
            capabilities.set(name, *value);
        }
        // Another endpoint than AWS's own is reached by its address alone. // aws-behaviours S20
        if !row.settled.contains_key("plain_s3") && connection.endpoint.is_some() {
            capabilities.plain_s3 = true;
        }
        Self {
            row,
            connection,
            account,
            product,
            tuning: true,
            clock_ahead: None,
            shared_role: None,
            capabilities,
        }
    }

    /// The caller turned out to be somebody of a Learner Lab; a row that says otherwise knows better.
    fn is_learner_lab(&mut self) {
        if !self.row.settled.contains_key("learner_lab") {
            self.capabilities.learner_lab = true;
        }
    }

    /// Name of the row.
    pub fn name(&self) -> &str {
        &self.row.name
    }

    /// Endpoint in use, without a slash at its end; none where the SDK knows it.
    pub fn endpoint(&self) -> Option<&str> {
        self.connection.endpoint.as_deref()
    }

    /// Where it is, for people.
    pub fn place(&self) -> String {
        self.endpoint()
            .map_or_else(|| format!("AWS in {}", self.region()), str::to_owned)
    }

    /// Does it run by this machine's clock?
    pub fn is_on_this_machine(&self) -> bool {
        let address = self.endpoint().and_then(Address::parse);
        address.is_some_and(|address| address.is_this_machine())
    }

    /// What time it is by its clock.
    pub fn now(&self) -> time::OffsetDateTime {
        time::OffsetDateTime::now_utc() + self.clock_ahead.unwrap_or_default()
    }

    /// Region.
    pub fn region(&self) -> &str {
        &self.connection.region
    }

    /// What it can do: as its row says, and the program that answers.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Partition of ARNs.
    pub fn partition(&self) -> &'static str {
        match self.region() {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            region if region.starts_with("eusc-") => "aws-eusc",
            region if region.starts_with("us-iso-") => "aws-iso",
            region if region.starts_with("us-isob-") => "aws-iso-b",
            _ => "aws",
        }
    }
}
