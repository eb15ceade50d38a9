//! Where a stack lives. A target is a row of data: endpoint, region, credentials, capabilities and
//! deadlines. Code asks its capabilities and never its name.

pub mod clients;
pub mod embedded;
pub mod probe;
pub mod record;

use std::time::Duration;

pub use clients::Clients;
pub use probe::{Product, ProductName};

/// Name of the target that pipectl serves itself.
pub const EMBEDDED: &str = "embedded";

/// What a target can do, and what it needs done differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// pipectl starts the endpoint itself when it is absent, and stops it when nothing is left.
    pub self_served: bool,
    /// IAM roles exist there and mean something.
    pub roles: bool,
    /// CloudFormation templates are deployed there.
    pub templates: bool,
    /// Bucket names are shared with every other account, so ours carry account and region.
    pub global_bucket_names: bool,
    /// A queue's URL is `{endpoint}/{account}/{name}` and so known before the queue exists.
    pub queue_url_from_endpoint: bool,
    /// S3 by path-style addresses, checksums only where required. // aws-behaviours S20
    pub plain_s3: bool,
    /// Functions run on this host, so that what this host can run will do.
    pub runs_functions_on_host: bool,
    /// Lists tell what was made a moment ago: what they do not name is not there.
    pub current_lists: bool,
    /// A second mapping of one queue to one function is refused.
    pub one_mapping_per_pair: bool,
    /// A mapping that was updated goes on saying what it is. Where that is false, it is made anew.
    pub mappings_update_in_place: bool,
    /// A mapping's batching window is a long poll: it ends with the first message, and without one the
    /// queue is looked at once a second at most.
    pub window_is_long_poll: bool,
    /// Dead letters can be moved by the queue service itself (StartMessageMoveTask).
    pub message_move_tasks: bool,
}

/// How many steps or reads may be on their way to each service at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parallel {
    /// S3.
    pub s3: usize,
    /// SQS.
    pub sqs: usize,
    /// DynamoDB.
    pub dynamodb: usize,
    /// Lambda's control plane, which AWS throttles first. // aws-behaviours L14
    pub lambda: usize,
    /// CloudWatch Logs.
    pub logs: usize,
}

impl Parallel {
    /// For endpoints on this machine: as much as keeps two cores busy.
    pub const LOCAL: Self = Self {
        s3: 32,
        sqs: 32,
        dynamodb: 32,
        lambda: 32,
        logs: 32,
    };
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// A table to become active.
    pub table: Duration,
    /// A function to become active or take an update.
    pub function: Duration,
    /// A mapping to settle.
    pub mapping: Duration,
    /// Something that is being changed by somebody else to be free. // aws-behaviours L3, D8, S6, E3
    pub busy: Duration,
    /// A role or a permission that was just given to be seen everywhere. // aws-behaviours I1, S9
    pub propagation: Duration,
    /// A throttled service to take calls again. // aws-behaviours L14, F7
    pub throttled: Duration,
    /// A queue's name to be free after its deletion: 60 s on AWS. // aws-behaviours Q1
    pub queue_name: Duration,
    /// First and longest pause between two looks.
    pub poll: (Duration, Duration),
    /// Pause between two looks at logs that are followed: while they grow, and longest while they do not.
    pub tail: (Duration, Duration),
}

impl Deadlines {
    /// For endpoints on this machine.
    pub const LOCAL: Self = Self {
        table: Duration::from_secs(30),
        function: Duration::from_secs(60),
        mapping: Duration::from_secs(60),
        busy: Duration::from_secs(30),
        propagation: Duration::from_secs(30),
        throttled: Duration::from_secs(30),
        queue_name: Duration::from_secs(90),
        poll: (Duration::from_millis(5), Duration::from_millis(250)),
        tail: (Duration::from_millis(500), Duration::from_secs(2)),
    };
}

/// Which credentials a target's calls carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A fixed pair: for endpoints that check none.
    Fixed {
        /// Access key id.
        key: &'static str,
        /// Secret key; not a secret.
        secret: &'static str,
    },
}

/// One row: a target before it was reached.
#[derive(Debug, Clone)]
pub struct TargetRow {
    /// Name for `--target`.
    pub name: &'static str,
    /// One line for help and errors.
    pub summary: &'static str,
    /// Endpoint when neither `--endpoint` nor `AWS_ENDPOINT_URL` says otherwise; none means that
    /// pipectl starts it.
    pub default_endpoint: Option<&'static str>,
    /// Region.
    pub region: &'static str,
    /// Credentials.
    pub credentials: Credentials,
    /// Capabilities.
    pub capabilities: Capabilities,
    /// Deadlines.
    pub deadlines: Deadlines,
    /// Calls at once.
    pub parallel: Parallel,
}

/// The built-in rows.
pub const ROWS: &[TargetRow] = &[
    TargetRow {
        name: EMBEDDED,
        summary: "served by pipectl itself on this machine",
        default_endpoint: None,
        region: "us-east-1",
        credentials: Credentials::Fixed {
            key: "embedded",
            secret: "embedded",
        },
        capabilities: Capabilities {
            self_served: true,
            roles: false,
            templates: false,
            global_bucket_names: false,
            queue_url_from_endpoint: true,
            plain_s3: true,
            runs_functions_on_host: true,
            current_lists: true,
            one_mapping_per_pair: true,
            mappings_update_in_place: true,
            window_is_long_poll: false,
            message_move_tasks: true,
        },
        deadlines: Deadlines::LOCAL,
        parallel: Parallel::LOCAL,
    },
    TargetRow {
        name: "localstack",
        summary: "an endpoint that speaks LocalStack's protocol, by default on port 4566",
        default_endpoint: Some("http://localhost:4566"),
        region: "us-east-1",
        credentials: Credentials::Fixed {
            key: "test",
            secret: "test",
        },
        capabilities: Capabilities {
            self_served: false,
            roles: false,
            templates: false,
            global_bucket_names: false,
            queue_url_from_endpoint: false,
            plain_s3: true,
            runs_functions_on_host: true,
            current_lists: true,
            one_mapping_per_pair: false,
            mappings_update_in_place: true,
            window_is_long_poll: false,
            message_move_tasks: true,
        },
        deadlines: Deadlines::LOCAL,
        parallel: Parallel::LOCAL,
    },
];

/// The row called `name`.
pub fn row(name: &str) -> Option<&'static TargetRow> {
    ROWS.iter().find(|row| row.name == name)
}

/// A target that answered: a row with the endpoint in use, the account behind it, and what it is.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its row.
    pub row: &'static TargetRow,
    /// Endpoint in use; no trailing slash.
    pub endpoint: String,
    /// Account id (12 digits).
    pub account: String,
    /// The program that answers there.
    pub product: Product,
    /// May settings be chosen for it that make it faster, and are no part of the stack?
    pub tuning: bool,
    capabilities: Capabilities,
}

impl Target {
    /// A row whose endpoint is this program.
    pub fn new(
        row: &'static TargetRow,
        endpoint: String,
        account: String,
        product: Product,
    ) -> Self {
        let mut capabilities = row.capabilities;
        product.adjust(&mut capabilities);
        Self {
            row,
            endpoint,
            account,
            product,
            tuning: true,
            capabilities,
        }
    }

    /// Name of the row.
    pub fn name(&self) -> &'static str {
        self.row.name
    }

    /// Region.
    pub fn region(&self) -> &'static str {
        self.row.region
    }

    /// What it can do: as its row says, and the program that answers.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Partition of ARNs.
    pub fn partition(&self) -> &'static str {
        "aws"
    }
}

/// Why a target cannot be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum TargetError {
    /// No row has that name.
    #[error("there is no target called `{name}`")]
    #[diagnostic(code(target::unknown), help("the targets are: {known}"))]
    Unknown {
        /// As given.
        name: String,
        /// Names of the rows.
        known: String,
    },
    /// The endpoint did not answer.
    #[error("the target `{target}` did not answer at {endpoint}: {cause}")]
    #[diagnostic(
        code(target::unreachable),
        help("start it, or name another endpoint with --endpoint or AWS_ENDPOINT_URL")
    )]
    Unreachable {
        /// Row name.
        target: &'static str,
        /// Endpoint tried.
        endpoint: String,
        /// What the connection said.
        cause: String,
    },
    /// The endpoint is not on this machine or its private network.
    #[error("the endpoint {endpoint} of the target `{target}` is not on this machine")]
    #[diagnostic(
        code(target::not_local),
        help(
            "local targets use fixed test credentials: only loopback and private addresses are accepted"
        )
    )]
    NotLocal {
        /// Row name.
        target: &'static str,
        /// Endpoint given.
        endpoint: String,
    },
    /// Nothing is running where something must be.
    #[error("no stack is up: the embedded target is not running in {root}")]
    #[diagnostic(code(target::not_running), help("run `pipectl up` first"))]
    NotRunning {
        /// Project directory.
        root: String,
    },
    /// Several targets are recorded and the command needs one.
    #[error("the stack is recorded on several targets: {recorded}")]
    #[diagnostic(code(target::ambiguous), help("name one with --target"))]
    Ambiguous {
        /// Names, comma-separated.
        recorded: String,
    },
    /// The embedded target did not start.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Embedded(#[from] embedded::EmbeddedError),
    /// A file under `.pipectl/` could not be read or written.
    #[error("cannot use {path}: {cause}")]
    #[diagnostic(
        code(target::files),
        help("check the permissions of the directory and the space on the disk")
    )]
    Files {
        /// File.
        path: String,
        /// What the system said.
        cause: String,
    },
}
