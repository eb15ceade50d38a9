//! What a target can do, how many calls it takes at once, and how long it is waited for.

use std::time::Duration;

macro_rules! capabilities {
    ($($(#[$words:meta])* $name:ident,)*) => {
        /// What a target can do, and what it needs done differently.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Capabilities {
            $($(#[$words])* pub $name: bool,)*
        }

        impl Capabilities {
            /// Their names.
            pub const NAMES: &[&str] = &[$(stringify!($name)),*];

            /// Sets one by its name; other names are of none.
            pub fn set(&mut self, name: &str, value: bool) {
                match name {
                    $(stringify!($name) => self.$name = value,)*
                    _ => {}
                }
            }
        }
    };
}

capabilities! {
    /// pipectl starts the endpoint itself when it is absent, and stops it when nothing is left.
    self_served,
    /// Functions need IAM roles there, and each gets one that allows what the stack says.
    roles,
    /// It is an account of a Learner Lab: nothing of IAM may be written, every function has the lab's own role,
    /// and ten invocations run at once. // aws-behaviours I8, I9, L16
    learner_lab,
    /// CloudFormation templates are deployed there.
    templates,
    /// Bucket names are shared with every other account, so ours carry account and region.
    global_bucket_names,
    /// A queue's URL is `{endpoint}/{account}/{name}` and so known before the queue exists.
    queue_url_from_endpoint,
    /// S3 by path-style addresses, checksums only where required. // aws-behaviours S20
    plain_s3,
    /// Functions run on this host, so that what this host can run will do.
    runs_functions_on_host,
    /// Functions run on Amazon Linux 2023 all the same, in containers: what needs a newer glibc than it has is
    /// built for it. // aws-behaviours L17
    runs_functions_on_amazon_linux,
    /// Lists and counts tell what was made a moment ago: what they do not name is not there.
    current_lists,
    /// A second mapping of one queue to one function is refused.
    one_mapping_per_pair,
    /// A mapping that was updated goes on saying what it is. Where that is false, it is made anew.
    mappings_update_in_place,
    /// A mapping's batching window is a long poll: it ends with the first message, and without one the
    /// queue is looked at once a second at most.
    window_is_long_poll,
    /// Dead letters can be moved by the queue service itself (StartMessageMoveTask).
    message_move_tasks,
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
    /// IAM, which AWS serves from one place for all regions.
    pub iam: usize,
    /// CloudFormation.
    pub cloudformation: usize,
}

impl Parallel {
    /// For endpoints on this machine: as much as keeps two cores busy.
    pub const LOCAL: Self = Self {
        s3: 32,
        sqs: 32,
        dynamodb: 32,
        lambda: 32,
        logs: 32,
        iam: 32,
        cloudformation: 8,
    };

    /// For AWS: Lambda's control plane takes about 15 calls a second in all.
    /// // aws-behaviours L14
    pub const AWS: Self = Self {
        s3: 16,
        sqs: 16,
        dynamodb: 10,
        lambda: 8,
        logs: 5,
        iam: 5,
        cloudformation: 4,
    };
}

macro_rules! deadlines {
    ($($(#[$words:meta])* $name:ident,)*) => {
        /// How long to wait for what.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Deadlines {
            $($(#[$words])* pub $name: Duration,)*
            /// First and longest pause between two looks.
            pub poll: (Duration, Duration),
            /// Pause between two looks at logs that are followed: while they grow, and longest while they do not.
            pub tail: (Duration, Duration),
        }

        impl Deadlines {
            /// Names of those that bound a wait.
            pub const NAMES: &[&str] = &[$(stringify!($name)),*];

            /// Sets one by its name; other names are of none.
            pub fn set(&mut self, name: &str, value: Duration) {
                match name {
                    $(stringify!($name) => self.$name = value,)*
                    _ => {}
                }
            }
        }
    };
}

deadlines! {
    /// A table to become active.
    table,
    /// A function to become active or take an update.
    function,
    /// A mapping to settle.
    mapping,
    /// Something that is being changed by somebody else to be free. // aws-behaviours L3, D8, S6, E3
    busy,
    /// A role or a permission that was just given to be seen everywhere. // aws-behaviours I1, S9
    propagation,
    /// A throttled service to take calls again. // aws-behaviours L14, F7
    throttled,
    /// A CloudFormation stack to be made, changed or deleted.
    template,
    /// A queue's name to be free after its deletion: 60 s on AWS. // aws-behaviours Q1
    queue_name,
}

impl Deadlines {
    /// For endpoints on this machine.
    pub const LOCAL: Self = Self {
        table: Duration::from_secs(30),
        function: Duration::from_secs(60),
        mapping: Duration::from_secs(60),
        busy: Duration::from_secs(30),
        propagation: Duration::from_secs(30),
        template: Duration::from_secs(120),
        throttled: Duration::from_secs(30),
        queue_name: Duration::from_secs(90),
        poll: (Duration::from_millis(5), Duration::from_millis(250)),
        tail: (Duration::from_millis(500), Duration::from_secs(2)),
    };

    /// For AWS. Creating a table takes 6.5 s, a function 3 s, a mapping 5 s, as a rule.
    pub const AWS: Self = Self {
        table: Duration::from_mins(5),
        function: Duration::from_mins(5),
        mapping: Duration::from_mins(3),
        busy: Duration::from_mins(3),
        propagation: Duration::from_mins(2),
        template: Duration::from_mins(30),
        throttled: Duration::from_mins(3),
        queue_name: Duration::from_secs(90),
        // A look comes late by half a pause on average. No denser: eight functions at once make twelve looks
        // a second, of the fifteen calls that Lambda takes. // aws-behaviours D1, L14
        poll: (Duration::from_millis(200), Duration::from_millis(600)),
        tail: (Duration::from_secs(1), Duration::from_secs(5)),
    };
}
