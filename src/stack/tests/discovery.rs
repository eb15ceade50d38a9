use std::path::Path;

use pipectl_emulator::{Behaviour, Durability};

use crate::stack::{Code, Project, discover, load, project};

fn write(directory: &Path, file: &str, text: &str) {
    let path = directory.join(file);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    std::fs::write(path, text).expect("a file");
}

fn code(directory: &Path) -> (Code, String) {
    let errors = discover(directory).expect_err("no default stack");
    let error = &errors.errors()[0];
    (error.code(), format!("{error}; {}", error.next_step()))
}

#[test]
fn the_only_file_in_stacks_is_the_default() {
    let project = tempfile::tempdir().expect("a directory");
    assert_eq!(code(project.path()).0, Code::NoStack);
    write(project.path(), "stacks/notes.txt", "");
    assert_eq!(code(project.path()).0, Code::NoStack);
    write(project.path(), "stacks/a.yaml", "stack: a\n");
    assert_eq!(
        discover(project.path()).expect("the file"),
        project.path().join("stacks/a.yaml")
    );
    write(project.path(), "stacks/b.yml", "stack: b\n");
    let (several, text) = code(project.path());
    assert_eq!(several, Code::SeveralStacks);
    assert!(
        text.contains("`stacks/a.yaml`, `stacks/b.yml`") && text.contains("--stack stacks/a.yaml"),
        "{text}"
    );
}

#[test]
fn the_projects_own_choice_comes_first() {
    let project = tempfile::tempdir().expect("a directory");
    write(project.path(), "stacks/a.yaml", "stack: a\n");
    write(project.path(), "pipectl.yaml", "embedded: {}\n");
    assert_eq!(
        discover(project.path()).expect("the file"),
        project.path().join("stacks/a.yaml")
    );
    write(project.path(), "pipectl.yaml", "stack: elsewhere/b.yaml\n");
    assert_eq!(
        discover(project.path()).expect("the file"),
        project.path().join("elsewhere/b.yaml")
    );
    write(project.path(), "pipectl.yaml", "stack: [a]\n");
    assert_eq!(code(project.path()).0, Code::WrongType);
    write(project.path(), "pipectl.yaml", "stack: [a\n");
    assert_eq!(code(project.path()).0, Code::Syntax);
}

#[test]
fn the_project_says_how_the_embedded_target_is_served() {
    let directory = tempfile::tempdir().expect("a directory");
    let read = || project(directory.path());
    assert_eq!(read().expect("none"), Project::default());
    write(
        directory.path(),
        "pipectl.yaml",
        "embedded: { behaviour: aws, durability: power }\n",
    );
    let embedded = read().expect("settings").embedded;
    assert_eq!(embedded.behaviour, Some(Behaviour::AWS));
    assert_eq!(embedded.durability, Some(Durability::Power));
    write(
        directory.path(),
        "pipectl.yaml",
        "stak: a\nembedded: { behavior: aws, durability: disk }\n",
    );
    let errors = read().expect_err("three errors");
    let told: Vec<String> = errors
        .errors()
        .iter()
        .map(|error| format!("{} {error}", error.code()))
        .collect();
    assert_eq!(
        told,
        [
            "stack::unknown_field there is no setting `stak`",
            "stack::unknown_field there is no setting `behavior`",
            "stack::unknown_value `durability` is one of `process`, `power`",
        ]
    );
}

#[test]
fn the_project_is_beside_stacks_or_around_the_file() {
    let project = tempfile::tempdir().expect("a directory");
    let root = project.path().canonicalize().expect("the directory");
    write(project.path(), "stacks/a.yaml", "stack: a\n");
    write(project.path(), "plain/b.yaml", "stack: b\n");
    let a = load(&project.path().join("stacks/a.yaml"), "embedded").expect("a stack");
    let b = load(&project.path().join("plain/../plain/b.yaml"), "embedded").expect("a stack");
    assert_eq!((a.root, b.root), (root.clone(), root.join("plain")));
}

#[test]
fn a_file_that_is_not_there_is_told_without_a_place() {
    let project = tempfile::tempdir().expect("a directory");
    let errors = load(&project.path().join("none.yaml"), "embedded").expect_err("no file");
    let error = &errors.errors()[0];
    assert_eq!(
        (error.code(), error.places().count()),
        (Code::Unreadable, 0)
    );
}

#[test]
fn errors_about_targets_never_show_a_secret() {
    let directory = tempfile::tempdir().expect("a directory");
    for text in [
        "targets: { a: { credentials: { access_key_id: a, secret_acces_key: hidden } } }\n",
        "targets: { a: { credentials: { access_key_id: a, secret_access_key: hidden, x: 1 } } }\n",
        "targets:\n  a:\n    credentials: { secret_access_key: a }\n    credentials: { secret_access_key: hidden }\n",
        "targets: { a: { secret_access_key: hidden } }\n",
        "targets: { a: { credentials: { access_key_id: a, secret_access_key: 998877 } } }\n",
        "targets: { a: { credentials: hidden } }\n",
        "targets:\n  a:\n    credentials:\n      secret_access_key: |\n        hidden\n        998877\n    x: 1\n",
        "targets:\n  a:\n    credentials:\n      secret_access_key:\n        hidden\n    x: [\n",
        "targets:\n  a:\n    credentials: { secret_access_key: hidden, x: [ }\n",
    ] {
        write(directory.path(), "pipectl.yaml", text);
        let errors = project(directory.path()).expect_err("something is wrong with it");
        let shown = format!("{:?}", miette::Report::new(errors));
        for secret in ["hidden", "998877"] {
            assert!(!shown.contains(secret), "{text}:\n{shown}");
        }
    }
}
