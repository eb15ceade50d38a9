//! The target `aws` without an account: an endpoint for what it has, moto for IAM and STS, and a proxy before
//! both. moto checks no call; what a role allows is compared word by word.

use std::time::Instant;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use pipectl_testkit::probe::{element, expect, parsed};
use pipectl_testkit::{Call, Endpoint, FaultProxy, Transcript, http};
use serde_json::{Value, json};

use super::Stage;
use super::project::Project;

/// The account of endpoints whose callers have keys that name none.
pub const ACCOUNT: &str = "000000000000";

/// Keys of a caller.
#[derive(Debug, Clone)]
pub struct Keys {
    pub id: String,
    pub secret: String,
    pub token: Option<String>,
}

/// A project that is deployed to an account.
pub struct Account<'s> {
    pub project: Project<'s>,
    pub proxy: FaultProxy,
    moto: Endpoint,
    pub keys: Keys,
}

impl<'s> Account<'s> {
    /// The log pipeline with functions that nothing starts. None, and said so, where moto cannot be had.
    pub fn open(stage: &'s Stage<'s>, name: &str) -> Option<Self> {
        let moto = match Endpoint::moto(ACCOUNT) {
            Ok(moto) => moto,
            Err(skip) => {
                println!("skipped: {name} on {}: {skip}", stage.row.name);
                return None;
            }
        };
        let proxy = FaultProxy::start(stage.url);
        for service in ["iam", "sts"] {
            proxy.route(service, moto.url());
        }
        let project = Project::with_zips(stage, name);
        for (at, function) in ["trigger", "worker"].into_iter().enumerate() {
            let zip = &stage.artifacts.idle[at];
            project.env.write(&format!("dist/{function}.zip"), zip);
        }
        // Architectures of AWS are none of this machine, and templates have tests of their own.
        let account = Self {
            project,
            proxy,
            moto,
            keys: Keys {
                id: "someone".to_owned(),
                secret: "secret".to_owned(),
                token: None,
            },
        };
        let stack = account.stack();
        let (stack, _) = stack.split_once("templates:").expect("templates");
        account.write(stack);
        Some(account)
    }

    /// The stack file.
    pub fn stack(&self) -> String {
        let file = self.project.env.root().join(super::project::STACK);
        std::fs::read_to_string(file).expect("the stack")
    }

    pub fn write(&self, stack: &str) {
        self.project.env.write(super::project::STACK, stack);
    }

    /// `pipectl ARGUMENTS --target aws`, forgetting the calls before.
    pub fn run(&self, arguments: &[&str]) -> Transcript {
        self.proxy.reset();
        let url = self.proxy.url();
        let target = ["--target", "aws", "--endpoint", url, "--yes"];
        let all = [arguments, &target[..], &["--output", "json"]].concat();
        let mut run = self.project.env.invocation(&all);
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", Some(&self.keys.id)),
            ("AWS_SECRET_ACCESS_KEY", Some(&self.keys.secret)),
            ("AWS_SESSION_TOKEN", self.keys.token.as_ref()),
        ] {
            if let Some(value) = value {
                run = run.env(name, value);
            }
        }
        let begun = Instant::now();
        let transcript = run.env("AWS_REGION", "us-east-1").run();
        let what = format!("{} (aws)", arguments.join(" "));
        self.project.print(begun, &what);
        transcript
    }

    /// The JSON of a run that succeeds.
    pub fn json(&self, arguments: &[&str]) -> Value {
        self.run(arguments).expect_success().json()
    }

    /// The calls of the last run that may have changed something.
    pub fn writes(&self) -> Vec<Call> {
        let mut calls = self.proxy.calls();
        calls.retain(|call| call.writes);
        calls
    }

    /// An `up` that finds nothing to do.
    pub fn nothing_to_do(&self) {
        let up = self.run(&["up"]).expect_success();
        assert_eq!(self.writes(), [], "{}", up.unredacted());
    }

    /// A call of moto, past the proxy. An answer of failure is as good as another.
    pub fn moto(&self, service: &str, action: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let mut form = format!("Action={action}");
        for (name, value) in fields {
            let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
            form.push_str(&format!("&{name}={value}"));
        }
        let key = &self.keys.id;
        let signature = format!(
            "AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/{service}/aws4_request, \
             SignedHeaders=host, Signature=0"
        );
        let headers = [
            ("authorization", &*signature),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let answer = http::post(self.moto.url(), "/", &headers, form.as_bytes());
        let answer = answer.expect("an answer");
        (answer.status, answer.text())
    }

    /// A call of IAM that succeeds.
    #[track_caller]
    pub fn iam(&self, action: &str, fields: &[(&str, &str)]) -> String {
        let (status, text) = self.moto("iam", action, fields);
        assert_eq!(status, 200, "{action}: {text}");
        text
    }

    /// Names of the roles of the stack, sorted.
    pub fn roles(&self) -> Vec<String> {
        let path = format!("/pipectl/{}/", self.project.name);
        let text = self.iam("ListRoles", &[("PathPrefix", &path)]);
        let parts = text.split("<RoleName>").skip(1);
        let names = parts.filter_map(|part| part.split_once('<').map(|(name, _)| name.to_owned()));
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// What pipectl's policy in a role allows: statements by their Sid, each without it.
    pub fn statements(&self, role: &str) -> Value {
        let fields = [("RoleName", role), ("PolicyName", "pipectl")];
        let policy = document(&self.iam("GetRolePolicy", &fields), "PolicyDocument");
        assert_eq!(policy["Version"], "2012-10-17");
        let statements = policy["Statement"].as_array().expect("statements");
        let by_sid = statements.iter().map(|statement| {
            let mut bare = statement.as_object().expect("a statement").clone();
            let sid = bare.remove("Sid").expect("a Sid");
            (sid.as_str().expect("a text").to_owned(), bare.into())
        });
        Value::Object(by_sid.collect())
    }

    /// The configuration of a function.
    pub fn function(&self, name: &str) -> Value {
        let name = self.project.physical(name);
        let path = format!("/2015-03-31/functions/{name}/configuration");
        parsed(&expect(self.project.probe().lambda(
            "GET",
            &path,
            &Value::Null,
        )))
    }
}

/// A policy document in an answer.
pub fn document(answer: &str, name: &str) -> Value {
    let text = element(answer, name).expect("a document");
    let text = percent_decode_str(text).decode_utf8().expect("a text");
    // XML escapes what percent signs do not.
    let text = text.replace("&quot;", "\"").replace("&#34;", "\"");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Who may take on a role of Lambda's.
pub fn trust() -> String {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole",
    }] })
    .to_string()
}

/// Fields that a plan changes, by resource.
pub fn changes(told: &Value) -> Vec<(String, Vec<String>)> {
    let data = &told["data"];
    let plan = if data["plan"].is_object() {
        &data["plan"]
    } else {
        data
    };
    let steps = plan["steps"].as_array().expect("steps").iter();
    steps
        .filter(|step| step["action"] != "keep")
        .map(|step| {
            let changes = step["changes"].as_array().into_iter().flatten();
            let fields = changes.filter_map(|change| change["field"].as_str());
            // That it is applied is noted with whatever was.
            let fields = fields.filter(|field| *field != "tags.pipectl:applied");
            let id = step["id"].as_str().expect("an id").to_owned();
            (id, fields.map(str::to_owned).collect())
        })
        .collect()
}
