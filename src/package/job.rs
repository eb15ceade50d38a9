//! From a program that was built to the zip of one function: read, checked, stripped, zipped, recorded.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::archive::{self, BOOTSTRAP, Effort};
use super::cache::{Asked, Record, Stored};
use super::error::PackageError;
use super::inputs::Inputs;
use super::inspect::Content;
use super::marks::Stamp;
use super::ready::{self, Unready};
use super::symbols;
use super::variant::Variant;

/// Making the artifact of one function.
#[derive(Debug)]
pub struct Job {
    /// Name of the function in the stack.
    pub function: String,
    /// Begin of the names of its zip and record.
    pub name: String,
    /// Where zips and records are.
    pub directory: PathBuf,
    /// What was asked for.
    pub asked: Asked,
    /// What is known of its last artifact.
    pub known: Option<Record>,
}

impl Job {
    /// The artifact of a program that cargo built, and whether it is another one than before. What is
    /// known is used as far as the program is the same.
    pub fn built(
        self,
        executable: &Path,
        inputs: Option<Inputs>,
    ) -> Result<(Record, bool), PackageError> {
        let stamp = Stamp::of(executable).map_err(|error| self.files("read", executable, error))?;
        let known = self
            .known
            .as_ref()
            .map(|known| &known.stored.sha256)
            .cloned();
        let renew = |record: Record| Record {
            asked: self.asked.clone(),
            inputs: inputs.clone(),
            original: executable.to_owned(),
            stamp: stamp.clone(),
            ..record
        };
        if let Some(record) = self.known.clone().filter(|known| known.stamp == stamp) {
            return self.recorded(renew(record), known);
        }
        let program =
            std::fs::read(executable).map_err(|error| self.files("read", executable, error))?;
        let sha256 = hex::encode(Sha256::digest(&program));
        let same = |known: &Record| known.original_sha256 == sha256;
        if let Some(record) = self.known.clone().filter(same) {
            return self.recorded(renew(record), known);
        }
        let content = Content::of(&program);
        if matches!(self.asked.variant, Variant::Lambda(_)) || cfg!(target_os = "linux") {
            self.is_program(&content, executable)?;
        }
        let effort = match self.asked.variant {
            Variant::Host => Effort::Quick,
            Variant::Lambda(_) => Effort::Thorough,
        };
        let small = symbols::stripped(&program).unwrap_or(program);
        let zip = archive::Zip::new(&[(BOOTSTRAP, &small)], effort)
            .map_err(|error| self.files("zip", executable, error))?;
        std::fs::create_dir_all(&self.directory)
            .map_err(|error| self.files("write", &self.directory, error))?;
        archive::sweep(&self.directory);
        let before = self.known.as_ref().map(|known| known.stored.zip.as_path());
        zip.store(&self.directory, &self.name, before)
            .map_err(|(path, error)| self.files("write", &path, error))?;
        let stored = self.directory.join(zip.file_name(&self.name));
        let record = Record {
            asked: self.asked.clone(),
            inputs: inputs.clone(),
            original: executable.to_owned(),
            stamp: stamp.clone(),
            original_sha256: sha256,
            stored: Stored {
                stamp: Stamp::of(&stored).map_err(|error| self.files("read", &stored, error))?,
                zip: PathBuf::from(zip.file_name(&self.name)),
                sha256: zip.code_sha256(),
                zip_bytes: zip.bytes.len() as u64,
                unzipped_bytes: small.len() as u64,
                program_bytes: small.len() as u64,
                content,
            },
        };
        self.recorded(record, known)
    }

    /// The facts of a zip that was made elsewhere, and whether it is another one than before.
    pub fn made_elsewhere(self, zip: &Path) -> Result<(Record, bool), PackageError> {
        let stamp = Stamp::of(zip).map_err(|error| self.files("read", zip, error))?;
        let before = self
            .known
            .as_ref()
            .map(|known| &known.stored.sha256)
            .cloned();
        if let Some(record) = self.known.clone().filter(|known| known.stamp == stamp) {
            return Ok((record, false));
        }
        let ready = ready::read(zip).map_err(|unready| match unready {
            Unready::Io(error) => self.files("read", zip, error),
            unready => PackageError::unready(&self.function, zip, &unready),
        })?;
        let record = Record {
            asked: self.asked.clone(),
            inputs: None,
            original: zip.to_owned(),
            stamp: stamp.clone(),
            original_sha256: String::new(),
            stored: Stored {
                stamp,
                zip: zip.to_owned(),
                sha256: ready.sha256,
                zip_bytes: ready.zip_bytes,
                unzipped_bytes: ready.unzipped_bytes,
                program_bytes: ready.program_bytes,
                content: ready.content,
            },
        };
        std::fs::create_dir_all(&self.directory)
            .map_err(|error| self.files("write", &self.directory, error))?;
        self.recorded(record, before)
    }

    fn recorded(
        &self,
        record: Record,
        before: Option<String>,
    ) -> Result<(Record, bool), PackageError> {
        if self.known.as_ref() != Some(&record) {
            record
                .save(&self.directory, &self.name)
                .map_err(|(path, error)| self.files("write", &path, error))?;
        }
        let another = before.as_ref() != Some(&record.stored.sha256);
        Ok((record, another))
    }

    /// Whatever cargo gives must be a program; where it can run is asked of every artifact.
    fn is_program(&self, content: &Content, executable: &Path) -> Result<(), PackageError> {
        let found = match content {
            Content::Elf(_) => return Ok(()),
            Content::Script(_) => "a script",
            Content::Other(found) => found,
        };
        Err(PackageError::WrongBinary {
            function: self.function.clone(),
            path: executable.to_owned(),
            found: found.to_owned(),
            wanted: super::variant::label(self.asked.variant.architecture()),
        })
    }

    fn files(&self, what: &'static str, path: &Path, source: std::io::Error) -> PackageError {
        PackageError::Files {
            function: self.function.clone(),
            what,
            path: path.to_owned(),
            source,
        }
    }
}
