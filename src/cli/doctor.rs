//! `pipectl doctor`

use serde::Serialize;

use super::{Ended, Global, Stop};
use crate::failure::CommandError;
use crate::operate::doctor::{self, Finding, Verdict};
use crate::render::{Renderer, human};

/// Look at tools, endpoints and the project: what is there, what is not, and how to mend it
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {}

#[derive(Debug, Serialize)]
struct DoctorData {
    findings: Vec<Finding>,
}

pub(super) async fn run(global: &Global, _args: DoctorArgs, renderer: &Renderer) -> Ended {
    let root = std::env::current_dir().map_err(|error| CommandError::Project {
        root: ".".to_owned(),
        cause: error.to_string(),
    })?;
    let environment: Vec<_> = std::env::vars_os().collect();
    let data = DoctorData {
        findings: doctor::examine(&root, global.stack.as_deref(), &environment).await,
    };
    let bad = data
        .findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Bad)
        .count();
    if bad == 0 {
        renderer.data(&data, || human::findings(&data.findings));
        return Ok(());
    }
    renderer.human(|| human::findings(&data.findings));
    Err(Stop::with_data(CommandError::Unwell { bad }, &data))
}
