//! AWS's awkward answers, to the program with the settings of `aws`. The rows are those of
//! docs/aws-behaviours.md.

mod lasting;
mod passing;

use std::io::{Cursor, Write as _};

use pipectl_testkit::{Call, FaultProxy, Probe, Serving, TestEnv, Transcript, free_port};

/// A project with a target that is set up as `aws`, and is the embedded one behind a proxy.
struct Cloud {
    env: TestEnv,
    proxy: FaultProxy,
    serving: Serving,
    _host: TestEnv,
}

impl Cloud {
    /// Behind the proxy, in this region, with these deadlines.
    fn new(stack: &str, region: &str, deadlines: &str) -> Self {
        let empty = || TestEnv::empty(env!("CARGO_BIN_EXE_pipectl"));
        let (env, host) = (empty(), empty());
        let mut serving = host.serve(free_port());
        serving.ready();
        let proxy = FaultProxy::start(serving.endpoint());
        env.write("stacks/demo.yaml", stack);
        for name in ["one", "two"] {
            let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
            let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
            zip.start_file("bootstrap", options).expect("an entry");
            writeln!(zip, "#!/bin/sh\n# {name}").expect("a script");
            let zip = zip.finish().expect("an archive").into_inner();
            env.write(&format!("{name}.zip"), zip);
        }
        let settings = format!(
            "targets:
  cloud:
    like: aws
    endpoint: {}
    region: {region}
    credentials: {{ access_key_id: test, secret_access_key: test }}
    capabilities: {{ roles: false, templates: false }}
    deadlines: {{ {deadlines} }}
",
            proxy.url()
        );
        env.write("pipectl.yaml", settings);
        Self {
            env,
            proxy,
            serving,
            _host: host,
        }
    }

    fn run(&self, arguments: &[&str]) -> Transcript {
        let all = [arguments, &["--target", "cloud", "--output", "json"]].concat();
        self.env.pipectl(&all)
    }

    /// A way to it past pipectl.
    fn probe(&self) -> Probe {
        Probe::new(self.serving.endpoint())
    }

    /// The calls of an operation that arrived.
    fn calls(&self, operation: &str) -> Vec<Call> {
        let mut calls = self.proxy.calls();
        calls.retain(|call| call.operation == operation);
        calls
    }

    /// Runs `up`, which must find nothing to do.
    fn nothing_to_do(&self) {
        self.proxy.disarm();
        self.proxy.reset();
        let up = self.run(&["up"]).expect_success();
        let writes = self.proxy.calls().into_iter().filter(|call| call.writes);
        let writes: Vec<Call> = writes.collect();
        assert!(writes.is_empty(), "{writes:#?}\n{}", up.unredacted());
    }
}
