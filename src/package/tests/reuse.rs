//! What is not made again, and what is.

use super::super::*;
use super::{Project, alone, manifest_of};

#[tokio::test]
async fn nothing_changed_means_that_cargo_is_not_started() {
    let project = Project::new(&[
        ("f/Cargo.toml", &alone("f")),
        ("f/src/main.rs", "mod part; fn main() { part::run(); }\n"),
        ("f/src/part.rs", "pub fn run() {}\n"),
    ]);
    let functions = [("one", "f")];
    project.package(&functions).await.expect("packaged");
    assert_eq!(project.why(), [Why::First]);
    assert_eq!(project.cargo_calls(), 1);

    // A program that is no cargo stands in: it would be an error to start it.
    let without_cargo = |options: &mut Options| {
        options
            .variables
            .push(("CARGO".into(), "/nowhere/cargo".into()));
    };
    project
        .package_with(&functions, without_cargo)
        .await
        .expect("nothing to do");
    assert!(
        matches!(project.why()[..], [Why::Unchanged { files }] if files >= 3),
        "{:?}",
        project.why()
    );

    // Touched, and not changed.
    project.age("f/src/part.rs", 1_800);
    project
        .package_with(&functions, without_cargo)
        .await
        .expect("nothing to do");
    assert_eq!(project.built(), [("one".to_owned(), false)]);

    // Changed, and the program is the same.
    project.write("f/src/part.rs", "pub fn run() {} // said\n");
    project.package(&functions).await.expect("packaged");
    let changed = Why::File {
        path: PathBuf::from("f/src/part.rs"),
    };
    assert_eq!((project.why(), project.cargo_calls()), (vec![changed], 1));
    assert_eq!(project.built(), [("one".to_owned(), false)]);
}

#[tokio::test]
async fn what_a_build_reads_besides_sources_is_looked_at_too() {
    let project = Project::new(&[
        (
            "Cargo.toml",
            "[workspace]\nresolver = \"2\"\nmembers = [\"f\", \"shared\"]\n",
        ),
        (
            "f/Cargo.toml",
            &format!(
                "{}[dependencies]\nshared = {{ path = \"../shared\" }}\n",
                manifest_of("f")
            ),
        ),
        (
            "f/src/main.rs",
            "fn main() { println!(\"{} {:?}\", shared::text(), option_env!(\"STAGE\")); }\n",
        ),
        ("f/build.rs", "fn main() {}\n"),
        ("f/note.txt", "one"),
        ("shared/Cargo.toml", &manifest_of("shared")),
        (
            "shared/src/lib.rs",
            "pub fn text() -> &'static str { include_str!(\"../../text.txt\") }\n",
        ),
        ("text.txt", "one"),
    ]);
    let functions = [("one", "f")];
    project.package(&functions).await.expect("packaged");
    project.package(&functions).await.expect("packaged");
    assert_eq!(project.cargo_calls(), 0, "{:?}", project.why());

    for (file, text) in [
        ("text.txt", "two"),
        (
            "shared/src/lib.rs",
            "pub fn text() -> &'static str { \"three\" }\n",
        ),
        // A build script that says nothing of what it reads may read anything of its package.
        ("f/note.txt", "two"),
        (".cargo/config.toml", "[build]\nincremental = false\n"),
    ] {
        project.write(file, text);
        project.package(&functions).await.expect("packaged");
        assert_eq!(project.why(), [Why::File { path: file.into() }]);
        project.package(&functions).await.expect("packaged");
        assert_eq!(
            project.cargo_calls(),
            0,
            "after {file}: {:?}",
            project.why()
        );
    }
    let stage = |options: &mut Options| options.variables.push(("STAGE".into(), "test".into()));
    project
        .package_with(&functions, stage)
        .await
        .expect("packaged");
    let name = "STAGE".to_owned();
    assert_eq!(project.why(), [Why::Variable { name }]);
    assert_eq!(project.built(), [("one".to_owned(), true)]);
}

#[tokio::test]
async fn a_lost_or_cut_zip_is_made_again() {
    let project = Project::new(&[
        ("f/Cargo.toml", &alone("f")),
        ("f/src/main.rs", "fn main() {}\n"),
    ]);
    let functions = [("one", "f")];
    let artifacts = project.package(&functions).await.expect("packaged");
    let zip = artifacts["one"].zip.clone();
    let whole = std::fs::read(&zip).expect("the zip");
    for damage in [None, Some(&whole[..whole.len() / 2])] {
        match damage {
            None => std::fs::remove_file(&zip).expect("removed"),
            Some(half) => std::fs::write(&zip, half).expect("cut"),
        }
        let again = project.package(&functions).await.expect("packaged");
        assert_eq!(again["one"].sha256, artifacts["one"].sha256);
        assert_eq!(std::fs::read(&zip).expect("the zip"), whole);
    }
}

#[tokio::test]
async fn directories_that_a_build_script_names_are_looked_at_in_full() {
    let project = Project::new(&[
        ("f/Cargo.toml", &alone("f")),
        ("f/src/main.rs", "fn main() {}\n"),
        (
            "f/build.rs",
            "fn main() { println!(\"cargo:rerun-if-changed=migrations\"); }\n",
        ),
        ("f/migrations/1.sql", "one"),
    ]);
    let functions = [("one", "f")];
    project.package(&functions).await.expect("packaged");
    project.package(&functions).await.expect("packaged");
    assert_eq!(project.cargo_calls(), 0, "{:?}", project.why());
    project.write("f/migrations/1.sql", "1");
    std::fs::write(project.root.path().join("f/migrations/2.sql"), "2").expect("written");
    project.package(&functions).await.expect("packaged");
    let found = matches!(
        &project.why()[..],
        [Why::File { path }] if path.starts_with("f/migrations")
    );
    assert!(found, "{:?}", project.why());
}

#[tokio::test]
async fn a_build_script_that_always_runs_is_left_to_cargo() {
    let project = Project::new(&[
        ("f/Cargo.toml", &alone("f")),
        ("f/src/main.rs", "fn main() {}\n"),
        (
            "f/build.rs",
            "fn main() { println!(\"cargo:rerun-if-changed=NULL\"); }\n",
        ),
    ]);
    let functions = [("one", "f")];
    project.package(&functions).await.expect("packaged");
    project.package(&functions).await.expect("packaged");
    assert_eq!(
        (project.why(), project.cargo_calls()),
        (vec![Why::Unsettled], 1)
    );
}

#[tokio::test]
async fn a_file_that_cargo_takes_for_old_is_not_recorded_as_built() {
    let project = Project::new(&[
        ("f/Cargo.toml", &alone("f")),
        ("f/src/main.rs", "fn main() {}\n"),
    ]);
    let functions = [("one", "f")];
    project.package(&functions).await.expect("packaged");
    // As `mv` or `cp -p` of an older file would leave it.
    project.write("f/src/main.rs", "fn main() { println!(); }\n");
    project.age("f/src/main.rs", 1_800);
    project.package(&functions).await.expect("packaged");
    project.package(&functions).await.expect("packaged");
    assert_eq!(
        project.cargo_calls(),
        1,
        "cargo is asked again: {:?}",
        project.why()
    );
}

#[tokio::test]
async fn a_binary_that_would_be_preferred_is_noticed() {
    let project = Project::new(&[
        ("f/Cargo.toml", &alone("f")),
        ("f/src/main.rs", "fn main() {}\n"),
    ]);
    let functions = [("one", "f")];
    let first = project.package(&functions).await.expect("packaged");
    project.write(
        "f/src/bin/bootstrap.rs",
        "fn main() { println!(\"other\"); }\n",
    );
    let second = project.package(&functions).await.expect("packaged");
    assert_ne!(first["one"].sha256, second["one"].sha256);
}
