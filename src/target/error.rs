//! Why a target cannot be used.

use super::embedded;

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
    #[diagnostic(code(target::unreachable), help("{}", start_it(cause)))]
    Unreachable {
        /// Row name.
        target: String,
        /// Endpoint tried.
        endpoint: String,
        /// What the connection said.
        cause: String,
    },
    /// Something answers, and it is none that pipectl can use.
    #[error("what answers at {endpoint} does not speak AWS's protocols: {cause}")]
    #[diagnostic(
        code(target::not_aws),
        help(
            "is it the right port? `pipectl doctor` shows what listens on the usual ones; --endpoint or AWS_ENDPOINT_URL names another"
        )
    )]
    NotAws {
        /// Row name.
        target: String,
        /// Endpoint tried.
        endpoint: String,
        /// What it did instead.
        cause: String,
    },
    /// It answers, and does not take us.
    #[error("the target `{target}` refused the first call: {code}: {message}")]
    #[diagnostic(
        code(target::refused),
        help("check the credentials, the region and this machine's clock")
    )]
    Refused {
        /// Row name.
        target: String,
        /// AWS's code.
        code: String,
        /// AWS's words.
        message: String,
    },
    /// The credentials are not valid, or not any more.
    #[error("the credentials for the target `{target}` are not valid: {code}: {message}")]
    #[diagnostic(
        code(target::bad_credentials),
        help(
            "get new ones: `aws sso login`, a new session of the Learner Lab (AWS Details), or `aws configure`; nothing was changed, run it again then"
        )
    )]
    BadCredentials {
        /// Row name.
        target: String,
        /// AWS's code.
        code: String,
        /// AWS's words.
        message: String,
    },
    /// Requests are signed with a time that is too far from AWS's.
    #[error("this machine's clock is wrong{}: {message}", by(*ahead_s))]
    #[diagnostic(
        code(target::wrong_clock),
        help("set the clock (`timedatectl set-ntp true`): requests are signed with its time")
    )]
    WrongClock {
        /// How far the target's clock is ahead of it, seconds, where its answer has a date.
        ahead_s: Option<i64>,
        /// AWS's words.
        message: String,
    },
    /// The credentials are those of another account than the stack is for.
    #[error(
        "the credentials are those of account {found}, and the target `{target}` is account {expected}"
    )]
    #[diagnostic(
        code(target::other_account),
        help(
            "nothing was changed; name the profile that is meant with --profile, or correct `expect_account` in pipectl.yaml"
        )
    )]
    OtherAccount {
        /// Row name.
        target: String,
        /// By the row.
        expected: String,
        /// By the credentials.
        found: String,
    },
    /// Nobody has agreed to work in this account.
    #[error("nobody has agreed to change account {account} in {region}")]
    #[diagnostic(
        code(target::not_agreed),
        help(
            "nothing was changed; answer `yes` on a terminal, pass --yes, or write `expect_account: \"{account}\"` for the target in pipectl.yaml"
        )
    )]
    NotAgreed {
        /// Account id.
        account: String,
        /// Region.
        region: String,
    },
    /// A profile was named for a target that has its own keys.
    #[error("the target `{target}` takes no profile: its credentials are written down")]
    #[diagnostic(
        code(target::no_profile),
        help(
            "leave --profile out, or write `credentials: default` for the target in pipectl.yaml"
        )
    )]
    NoProfile {
        /// Row name.
        target: String,
    },
    /// Nothing provides credentials for it.
    #[error("there are no credentials for the target `{target}`: {cause}")]
    #[diagnostic(
        code(target::no_credentials),
        help(
            "run `aws configure`, `aws sso login`, or set AWS_PROFILE; `aws sts get-caller-identity` shows whether it works"
        )
    )]
    NoCredentials {
        /// Row name.
        target: String,
        /// What the providers said.
        cause: String,
    },
    /// Nothing says in which region it is.
    #[error("nothing says which region the target `{target}` is in")]
    #[diagnostic(
        code(target::no_region),
        help("set AWS_REGION, or `region` in the profile or in the row in pipectl.yaml")
    )]
    NoRegion {
        /// Row name.
        target: String,
    },
    /// A function is given what a template puts out, and templates are not deployed there.
    #[error(
        "the target `{target}` deploys no templates, and the function `{function}` needs `{reference}`"
    )]
    #[diagnostic(
        code(target::no_templates),
        help(
            "nothing was changed; give `{variable}` another value for this target: `targets: {{ {target}: {{ functions: {{ {function}: {{ environment: {{ {variable}: … }} }} }} }} }}` in the stack"
        )
    )]
    NoTemplates {
        /// Row name.
        target: String,
        /// Name of the function.
        function: String,
        /// Its environment variable.
        variable: String,
        /// As written.
        reference: String,
    },
    /// A Learner Lab without the role that every lab has.
    #[error("this is a Learner Lab, and it has no role `{role}` for the function `{function}`")]
    #[diagnostic(
        code(target::no_lab_role),
        help(
            "start the lab anew (Start Lab), or name the role that functions may have as `role` of each function in the stack"
        )
    )]
    NoLabRole {
        /// Name of the role.
        role: String,
        /// Name of a function that needs it.
        function: String,
    },
    /// The file of certificates of a row cannot be used.
    #[error("cannot use the certificates in {path}: {cause}")]
    #[diagnostic(
        code(target::certificates),
        help("`ca_file` in pipectl.yaml must name a file of certificates in PEM form")
    )]
    BadCertificates {
        /// File.
        path: String,
        /// What is wrong with it.
        cause: String,
    },
    /// That is no address.
    #[error("`{endpoint}` is not the address of an endpoint")]
    #[diagnostic(
        code(target::bad_endpoint),
        help("write `http://HOST:PORT` or `https://HOST:PORT`")
    )]
    BadEndpoint {
        /// As given.
        endpoint: String,
    },
    /// The endpoint is not on this machine or its private network.
    #[error("the endpoint {endpoint} of the target `{target}` is not on this machine")]
    #[diagnostic(
        code(target::not_local),
        help(
            "files would be sent there: to allow that, write a row with `endpoint: {endpoint}` and `remote: true` under `targets:` in pipectl.yaml"
        )
    )]
    NotLocal {
        /// Row name.
        target: String,
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

/// ` by 3 s`, where it is known.
fn by(ahead_s: Option<i64>) -> String {
    ahead_s.map_or_else(String::new, |seconds| {
        let word = if seconds > 0 { "behind" } else { "ahead" };
        format!(", {} s {word} of the target's", seconds.abs())
    })
}

/// What to do about an endpoint that cannot be reached for this cause.
fn start_it(cause: &str) -> &'static str {
    if cause.to_ascii_lowercase().contains("certificate") {
        return "name its certificate as `ca_file` of the target in pipectl.yaml, if it is to be trusted";
    }
    "start it, or name another endpoint: --endpoint goes before `endpoint` in pipectl.yaml, and that before AWS_ENDPOINT_URL"
}
