//! One run of packaging: which artifacts are right as they are, what has to be built for the others, in
//! which cargo calls, and whether what came out can run where it is meant to.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;

use pipectl_emulator::programs::{self, Machine};

use super::archive::{MAX_UNZIPPED_BYTES, RECIPE};
use super::batches::batches;
use super::build::{Built, Cargo};
use super::cache::{Asked, Record};
use super::error::{ArtifactError, PackageError};
use super::inputs::{Difference, Inputs};
use super::inspect::Offer;
use super::job::Job;
use super::locate::{Workspaces, manifest, together};
use super::lock;
use super::marks::Stamp;
use super::metadata::Workspace;
use super::toolchain::host_glibc;
use super::variant::{Glibc, HOST, RunsOn, Variant, label, resolve};
use super::{Artifact, Options, PackageEvent, Why};
use crate::stack::model::{Architecture, Function, Source, Stack};
use crate::wait::blocking;

/// What one run of packaging needs.
pub struct Workshop<'w> {
    stack: &'w Stack,
    options: Options,
    events: &'w dyn Fn(PackageEvent),
    cargo: Cargo,
    /// Where zips and records are.
    directory: PathBuf,
    begun: Instant,
    /// glibc of this host, once it was asked for.
    host_glibc: OnceCell<Option<Glibc>>,
    /// Manifests of all function crates of the stack.
    together: Vec<PathBuf>,
    workspaces: Workspaces,
    artifacts: BTreeMap<String, Artifact>,
    /// With the place of the function in the stack, to be told in that order.
    errors: Vec<(usize, PackageError)>,
}

/// A function that has to be built.
struct Order {
    function: Function,
    job: Job,
    why: Why,
}

impl<'w> Workshop<'w> {
    pub fn new(stack: &'w Stack, options: Options, events: &'w dyn Fn(PackageEvent)) -> Self {
        let cargo = Cargo::new(
            options.variables.clone(),
            options.profile.clone(),
            options.progress,
        );
        Self {
            stack,
            cargo,
            options,
            events,
            directory: stack.root.join(".pipectl").join("artifacts"),
            begun: Instant::now(),
            host_glibc: OnceCell::new(),
            together: together(stack),
            workspaces: Workspaces::default(),
            artifacts: BTreeMap::new(),
            errors: Vec::new(),
        }
    }

    pub async fn run(mut self) -> Result<BTreeMap<String, Artifact>, PackageError> {
        let stack = self.stack;
        let wanted = |function: &&Function| {
            let only = self.options.only.as_ref();
            only.is_none_or(|only| only.contains(&function.name))
        };
        let functions: Vec<&Function> = stack.functions.iter().filter(wanted).collect();
        if functions.is_empty() {
            return Ok(BTreeMap::new());
        }
        (self.events)(PackageEvent::Started {
            functions: functions.iter().map(|f| f.name.clone()).collect(),
        });
        let mut orders = Vec::new();
        for function in functions {
            match self.look(function).await {
                Ok(order) => orders.extend(order),
                Err(error) => self.fail(&function.name, error),
            }
        }
        if !orders.is_empty()
            && let Err(error) = self.build(orders).await
        {
            return Err(error);
        }
        self.errors.sort_by_key(|(place, _)| *place);
        let errors = self.errors.into_iter().map(|(_, error)| error).collect();
        match PackageError::collect(errors) {
            None => Ok(self.artifacts),
            Some(error) => Err(error),
        }
    }

    fn fail(&mut self, function: &str, error: PackageError) {
        let place = self.stack.functions.iter().position(|f| f.name == function);
        self.errors.push((place.unwrap_or_default(), error));
    }

    fn architecture(&self, function: &Function) -> Architecture {
        resolve(self.options.architecture.unwrap_or(function.architecture))
    }

    /// Takes an artifact that is right as it is; else what there is to do.
    async fn look(&mut self, function: &Function) -> Result<Option<Order>, PackageError> {
        let architecture = self.architecture(function);
        self.can_run(function, architecture)?;
        let (source, variant) = match &function.source {
            Source::Crate(directory) => (
                manifest(self.stack, function, directory)?,
                Variant::of(architecture, self.options.runs_on),
            ),
            // Made elsewhere, and so for whatever it was made for.
            Source::Artifact(zip) => (self.stack.root.join(zip), Variant::Lambda(architecture)),
        };
        let is_crate = matches!(function.source, Source::Crate(_));
        let way = if is_crate {
            variant.to_string()
        } else {
            "given".to_owned()
        };
        // Two stacks of one project may both have a function of this name; no name has a dot in it.
        let name = format!("{}.{}.{way}", self.stack.name, function.name);
        let job = Job {
            function: function.name.clone(),
            known: Record::load(&self.directory, &name),
            name,
            directory: self.directory.clone(),
            asked: Asked {
                recipe: RECIPE,
                source: source.clone(),
                variant,
                profile: self.cargo.profile(variant).to_owned(),
                together: self.together.clone(),
            },
        };
        if !is_crate {
            let why = match &job.known {
                None => Why::First,
                Some(_) => Why::File {
                    path: self.relative(&source),
                },
            };
            let (record, another) = blocking(move || job.made_elsewhere(&source)).await?;
            let why = if another {
                why
            } else {
                Why::Unchanged { files: 1 }
            };
            self.finish(function, record, another, why)?;
            return Ok(None);
        }
        let (job, why) = self.compare(job, &source).await?;
        match (why, &job.known) {
            (why @ Why::Unchanged { .. }, Some(record)) => {
                self.finish(function, record.clone(), false, why)?;
                Ok(None)
            }
            (why, _) => Ok(Some(Order {
                function: function.clone(),
                job,
                why,
            })),
        }
    }

    /// Is the artifact at hand still right, and if not, why?
    async fn compare(&self, mut job: Job, manifest: &Path) -> Result<(Job, Why), PackageError> {
        let Some(record) = &mut job.known else {
            return Ok((job, Why::First));
        };
        if record.asked != job.asked {
            return Ok((job, Why::Asked));
        }
        let Some(inputs) = &mut record.inputs else {
            return Ok((job, Why::Unsettled));
        };
        let environment = self.cargo.scrubbed(None);
        let mut compared = inputs.compare(&environment);
        if compared == Err(Difference::Choice) {
            let directory = manifest.parent().unwrap_or(manifest);
            let sysroot = self.cargo.sysroot(directory).await;
            compared = if sysroot.is_some_and(|found| inputs.choose(&found, &environment)) {
                inputs.compare(&environment).map(|_| true)
            } else {
                Err(Difference::Toolchain)
            };
        }
        let why = match compared {
            Ok(touched) => {
                let files = inputs.count();
                if touched {
                    // Without the new times the files would only be read again.
                    let _ = record.save(&self.directory, &job.name);
                }
                Why::Unchanged { files }
            }
            Err(Difference::File(path)) => Why::File {
                path: self.relative(&path),
            },
            Err(Difference::Variable(name)) => Why::Variable { name },
            Err(Difference::Toolchain | Difference::Choice) => Why::Toolchain,
        };
        Ok((job, why))
    }

    fn relative(&self, path: &Path) -> PathBuf {
        let full = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let (path, root) = (full(path), full(&self.stack.root));
        path.strip_prefix(root).unwrap_or(&path).to_owned()
    }

    /// Can this host run programs of that instruction set, if it has to?
    fn can_run(&self, function: &Function, architecture: Architecture) -> Result<(), PackageError> {
        let RunsOn::Host { by_qemu } = self.options.runs_on else {
            return Ok(());
        };
        if architecture == HOST {
            return Ok(());
        }
        let machine = match architecture {
            Architecture::Arm64 => Machine::Arm64,
            _ => Machine::X86_64,
        };
        let runs = if by_qemu {
            programs::runner(machine).is_some()
        } else {
            programs::kernel_runs(machine)
        };
        if runs {
            return Ok(());
        }
        Err(PackageError::Architecture {
            function: function.name.clone(),
            wanted: label(architecture),
            host: label(HOST),
            by_qemu,
        })
    }

    /// Builds and zips what was ordered.
    async fn build(&mut self, orders: Vec<Order>) -> Result<(), PackageError> {
        let mut all = Vec::new();
        let stack = self.stack;
        for function in &stack.functions {
            let Source::Crate(directory) = &function.source else {
                continue;
            };
            let variant = Variant::of(self.architecture(function), self.options.runs_on);
            let found = match manifest(stack, function, directory) {
                Ok(manifest) => {
                    let cargo = &self.cargo;
                    let workspaces = &mut self.workspaces;
                    workspaces.locate(cargo, function, &manifest, variant).await
                }
                Err(error) => Err(error),
            };
            let ordered = orders
                .iter()
                .any(|order| order.function.name == function.name);
            match found {
                Ok(found) => all.push(found),
                // The same for every function: said once.
                Err(error @ PackageError::CargoMissing { .. }) => return Err(error),
                Err(error) if ordered => self.fail(&function.name, error),
                // What is not built now may be wrong.
                Err(_) => {}
            }
        }
        // What is wrong with one function is told before another is compiled for minutes.
        if !self.errors.is_empty() {
            return Ok(());
        }
        let mut orders: BTreeMap<String, Order> = orders
            .into_iter()
            .map(|order| (order.function.name.clone(), order))
            .collect();
        let batches = batches(&all, |located| orders.contains_key(&located.function));
        let host_glibc = self.host_glibc();
        for batch in batches {
            let Some(workspace) = self.workspaces.at(&batch.root) else {
                continue;
            };
            // Until its programs are zipped, no other process may put others of their names in their place.
            let _held = lock::hold(&workspace.target, self.events).await;
            let built = self
                .cargo
                .build(&batch, &workspace, host_glibc, self.events)
                .await;
            match built {
                Ok(built) => {
                    let ordered = batch
                        .functions
                        .iter()
                        .filter_map(|located| orders.remove(&located.function))
                        .collect();
                    self.archive(ordered, &built, &workspace).await;
                }
                Err(error) => {
                    let first = batch
                        .functions
                        .first()
                        .map(|located| located.function.as_str());
                    self.fail(first.unwrap_or_default(), error);
                }
            }
        }
        Ok(())
    }

    /// Zips what cargo built, all functions at the same time.
    async fn archive(&mut self, orders: Vec<Order>, built: &Built, workspace: &Workspace) {
        let sysroot = self.cargo.sysroot(&workspace.root).await;
        let environment: Arc<[_]> = self.cargo.scrubbed(None).into();
        // A program is held in memory a few times while it is zipped.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let places = Arc::new(Semaphore::new(cores));
        let mut tasks = Vec::new();
        for order in orders {
            let Some(executable) = built.executables.get(&order.function.name).cloned() else {
                continue;
            };
            let Order { function, job, why } = order;
            let reported = sysroot
                .clone()
                .map(|sysroot| built.reported(workspace, &executable, sysroot))
                .filter(|_| self.is_seen_by_cargo(&job, &why, &executable));
            let (environment, places) = (environment.clone(), places.clone());
            let began = built.began;
            let task = async move {
                // Nobody closes it: there always is one.
                let _place = places.acquire_owned().await.ok();
                blocking(move || {
                    let inputs = reported
                        .and_then(|reported| Inputs::gather(&reported, &environment, began));
                    job.built(&executable, inputs)
                })
                .await
            };
            tasks.push((function, why, tokio::spawn(task)));
        }
        for (function, why, task) in tasks {
            let outcome = match task.await {
                Ok(outcome) => outcome,
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            };
            let finished =
                outcome.and_then(|(record, another)| self.finish(&function, record, another, why));
            if let Err(error) = finished {
                self.fail(&function.name, error);
            }
        }
    }

    /// Cargo goes by time where sources are concerned: one that differs, and is older than the program that was not built again, it
    /// has not looked at. What was made from which content is not known then.
    fn is_seen_by_cargo(&self, job: &Job, why: &Why, executable: &Path) -> bool {
        let (Why::File { path }, Some(known)) = (why, &job.known) else {
            return true;
        };
        // Manifests and configuration it reads each time.
        if path
            .extension()
            .is_none_or(|end| end == "toml" || end == "lock")
        {
            return true;
        }
        let (Ok(program), Ok(file)) = (
            Stamp::of(executable),
            Stamp::of(&self.stack.root.join(path)),
        ) else {
            return true;
        };
        program != known.stamp || file.modified_ns >= program.modified_ns
    }

    /// Checks an artifact against the place where it is to run, and tells of it.
    fn finish(
        &mut self,
        function: &Function,
        record: Record,
        built: bool,
        why: Why,
    ) -> Result<(), PackageError> {
        let architecture = self.architecture(function);
        let stored = record.stored;
        let zip = self.directory.join(&stored.zip);
        if stored.unzipped_bytes > MAX_UNZIPPED_BYTES {
            return Err(PackageError::from(ArtifactError::TooLarge {
                function: function.name.clone(),
                path: zip,
                bytes: stored.unzipped_bytes,
            }));
        }
        let given = matches!(function.source, Source::Artifact(_));
        // Other systems than Linux run their own formats on themselves.
        if given || record.asked.variant != Variant::Host || cfg!(target_os = "linux") {
            let offer = Offer {
                architecture,
                runs_on: self.options.runs_on,
                host_glibc: self.host_glibc(),
            };
            offer.fits(&stored.content).map_err(|misfit| {
                PackageError::misfit(&function.name, &zip, architecture, given, misfit)
            })?;
        }
        let program = stored.content.program();
        let artifact = Artifact {
            function: function.name.clone(),
            zip,
            sha256: stored.sha256,
            zip_bytes: stored.zip_bytes,
            unzipped_bytes: stored.unzipped_bytes,
            program_bytes: stored.program_bytes,
            architecture,
            glibc: program.and_then(|program| program.glibc),
            libraries: program.map_or_else(Vec::new, |program| program.libraries.clone()),
            given,
            stamp: stored.stamp,
            symbols: record.original,
            symbols_stamp: record.stamp,
        };
        (self.events)(PackageEvent::Finished {
            artifact: Box::new(artifact.clone()),
            built,
            why,
            elapsed: self.begun.elapsed(),
        });
        self.artifacts.insert(function.name.clone(), artifact);
        Ok(())
    }

    fn host_glibc(&self) -> Option<Glibc> {
        *self.host_glibc.get_or_init(host_glibc)
    }
}
