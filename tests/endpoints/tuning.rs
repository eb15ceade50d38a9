//! Where the endpoint's mappings wait a second after each batch, a setting of ours ends that; elsewhere
//! there is none. It is no drift, and goes when it is not wanted.

use serde_json::json;

use super::Stage;
use super::project::{Project, actions, updates};

const SAMPLE: &str = "samples/app-100.ndjson";

pub fn on_and_off(stage: &Stage<'_>) {
    let project = Project::with_zips(stage, "tuning");
    let mapping = "mappings.jobs-worker";
    let up = project.json(&["up"]);
    if stage.row.tuned {
        assert_eq!(up["data"]["tuned"], json!([mapping]));
        project.send(SAMPLE);
        assert_eq!(project.up(), []);
        let plain = project.json(&["up", "--no-tuning"]);
        assert_eq!(actions(&plain), updates(&[mapping]));
        assert!(plain["data"]["tuned"].is_null(), "{plain:#}");
        project.send(SAMPLE);
        assert_eq!(actions(&project.json(&["up", "--no-tuning"])), []);
    } else {
        assert!(up["data"]["tuned"].is_null(), "{up:#}");
        assert_eq!(actions(&project.json(&["up", "--no-tuning"])), []);
        project.send(SAMPLE);
    }
    project.down();
    // Up again at once: nothing of the old mapping is in the way.
    project.up();
    project.send(SAMPLE);
    project.down();
}
