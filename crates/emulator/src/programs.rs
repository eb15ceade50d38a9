//! What runs a program that is built for another instruction set than this host's.
//!
//! A function is built for x86_64 or for arm64, because AWS has both and one of them is cheaper; the
//! machine that it is tried out on is only one of them. Linux runs programs of the other one in two
//! ways: the kernel hands them to an interpreter that was registered with it
//! (<https://docs.kernel.org/admin-guide/binfmt-misc.html>), or QEMU's user mode emulation is started
//! with the program as its argument (<https://www.qemu.org/docs/master/user/main.html>).

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Bytes of a file up to where an ELF program says what it is built for.
const HEAD: u64 = 20;

/// An instruction set that Lambda has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// x86_64.
    X86_64,
    /// arm64, which others call AArch64.
    Arm64,
}

impl Machine {
    /// What this host is.
    pub const HOST: Self = if cfg!(target_arch = "aarch64") {
        Self::Arm64
    } else {
        Self::X86_64
    };

    /// Lambda's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// Its number in the head of an ELF program (`e_machine`).
    pub fn elf_number(self) -> u16 {
        match self {
            Self::X86_64 => 62,
            Self::Arm64 => 183,
        }
    }

    /// The one of that number in the head of an ELF program.
    pub fn of(elf_number: u16) -> Option<Self> {
        [Self::X86_64, Self::Arm64]
            .into_iter()
            .find(|machine| machine.elf_number() == elf_number)
    }

    /// What to do where nothing runs its programs.
    pub fn way_out(self) -> String {
        let libraries = match self {
            Self::X86_64 => "libc6-amd64-cross",
            Self::Arm64 => "libc6-arm64-cross",
        };
        format!(
            "it is built for {}, this host is {}, and neither its kernel nor a qemu-{} on the PATH runs such programs; install what does (Debian, Ubuntu: apt-get install qemu-user {libraries}), or build it with architecture: host",
            self.name(),
            Self::HOST.name(),
            self.gnu_name()
        )
    }

    /// The name that QEMU and GNU's tools give it.
    fn gnu_name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// Is that the name of QEMU's emulation of it, as Linux distributions and container images call it?
    /// `qemu-aarch64_be` is of another machine.
    fn is_its_qemu(self, file_name: &str) -> bool {
        let rest = file_name
            .strip_prefix("qemu-")
            .and_then(|name| name.strip_prefix(self.gnu_name()));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }
}

/// What runs a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runner {
    /// The processor itself.
    Directly,
    /// The kernel, which hands it to an interpreter that was registered: it is started like any other.
    ByKernel,
    /// QEMU, which is started in its place.
    ByQemu {
        /// `qemu-aarch64` or `qemu-x86_64`.
        program: PathBuf,
        /// The directory where it finds the program's loader and libraries (`-L`); without one they are
        /// looked for where this host's own are.
        sysroot: Option<PathBuf>,
    },
}

/// What runs programs of an instruction set on this host; none when nothing does.
///
/// The rule: the host's own run directly. Others are run by `qemu-…` or `qemu-…-static` on the PATH of
/// this process where there is a directory with their libraries (`QEMU_LD_PREFIX`, or that of Debian's
/// cross packages): the kernel's interpreter is not told of that directory, and most programs need it.
/// Without one the kernel comes first, because it also runs the programs that a program starts.
pub fn runner(machine: Machine) -> Option<Runner> {
    if machine == Machine::HOST {
        return Some(Runner::Directly);
    }
    places().runner(machine)
}

/// Does the kernel run such programs, so that anything that starts them can, and not only this crate?
pub fn kernel_runs(machine: Machine) -> bool {
    machine == Machine::HOST || places().kernel_runs(machine)
}

/// Where they are looked for on this host.
fn places() -> Places<'static> {
    Places {
        path: std::env::var_os("PATH"),
        prefix: std::env::var_os("QEMU_LD_PREFIX"),
        binfmt: Path::new("/proc/sys/fs/binfmt_misc"),
        usr: Path::new("/usr"),
    }
}

/// The first bytes of a file, as many as say what kind of program it is.
pub fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD as usize);
    File::open(path)?.take(HEAD).read_to_end(&mut head)?;
    Ok(head)
}

/// The number of the machine that an ELF program is built for; none when `head` is of something else.
/// Both machines of Lambda are little-endian.
pub fn elf_machine(head: &[u8]) -> Option<u16> {
    if !head.starts_with(b"\x7fELF") {
        return None;
    }
    let number = head.get(18..20)?;
    Some(u16::from_le_bytes([number[0], number[1]]))
}

/// Where to look for what runs programs of another instruction set.
struct Places<'a> {
    path: Option<OsString>,
    prefix: Option<OsString>,
    binfmt: &'a Path,
    usr: &'a Path,
}

impl Places<'_> {
    /// What runs programs that the processor does not.
    fn runner(&self, machine: Machine) -> Option<Runner> {
        let qemu = self.qemu(machine).map(|program| Runner::ByQemu {
            program,
            sysroot: self.sysroot(machine),
        });
        if matches!(
            qemu,
            Some(Runner::ByQemu {
                sysroot: Some(_),
                ..
            })
        ) {
            return qemu;
        }
        if self.kernel_runs(machine) {
            return Some(Runner::ByKernel);
        }
        qemu
    }

    fn qemu(&self, machine: Machine) -> Option<PathBuf> {
        let name = format!("qemu-{}", machine.gnu_name());
        std::env::split_paths(self.path.as_ref()?)
            // Functions start in directories of their own, where a relative path leads elsewhere.
            .filter(|directory| directory.is_absolute())
            .flat_map(|directory| {
                [
                    directory.join(&name),
                    directory.join(format!("{name}-static")),
                ]
            })
            .find(|path| {
                path.metadata().is_ok_and(|metadata| {
                    metadata.is_file() && metadata.permissions().mode() & 0o111 != 0
                })
            })
    }

    fn sysroot(&self, machine: Machine) -> Option<PathBuf> {
        if let Some(prefix) = self.prefix.as_ref().filter(|prefix| !prefix.is_empty()) {
            return std::path::absolute(prefix).ok();
        }
        let cross = self.usr.join(format!("{}-linux-gnu", machine.gnu_name()));
        cross.is_dir().then_some(cross)
    }

    /// Has the kernel an interpreter for such programs that can be started here?
    fn kernel_runs(&self, machine: Machine) -> bool {
        // Where there is no such directory, or it is not mounted, nothing is registered.
        let Ok(entries) = std::fs::read_dir(self.binfmt) else {
            return false;
        };
        let status = std::fs::read_to_string(self.binfmt.join("status"));
        if status.is_ok_and(|status| status.trim() != "enabled") {
            return false;
        }
        entries
            .flatten()
            .any(|entry| is_interpreter_of(machine, &entry.file_name(), &entry.path()))
    }
}

/// Does an entry of binfmt_misc stand for an interpreter of such programs that is in use?
fn is_interpreter_of(machine: Machine, name: &OsStr, entry: &Path) -> bool {
    // `register` can only be written to.
    let Ok(text) = std::fs::read_to_string(entry) else {
        return false;
    };
    let value = |field: &str| {
        let mut values = text.lines().filter_map(|line| line.strip_prefix(field));
        values.next().map(str::trim)
    };
    let Some(interpreter) = value("interpreter ").map(Path::new) else {
        return false;
    };
    let is_its = [Some(name), interpreter.file_name()]
        .into_iter()
        .flatten()
        .filter_map(OsStr::to_str)
        .any(|name| machine.is_its_qemu(name));
    // With the flag F the kernel has opened it already; otherwise it is looked for at each start, and a
    // container sees the entries of its host but not the host's files.
    let is_there =
        value("flags:").is_some_and(|flags| flags.contains('F')) || interpreter.is_file();
    text.lines().next() == Some("enabled") && is_its && is_there
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host with nothing on it, below a temporary directory.
    struct Host {
        dir: tempfile::TempDir,
        prefix: Option<OsString>,
    }

    impl Host {
        fn new() -> Self {
            let dir = tempfile::tempdir().expect("a temporary directory");
            for name in ["bin", "binfmt", "usr"] {
                std::fs::create_dir(dir.path().join(name)).expect("made");
            }
            Self { dir, prefix: None }
        }

        fn at(&self, path: &str) -> PathBuf {
            self.dir.path().join(path)
        }

        fn write(&self, path: &str, mode: u32, text: &str) {
            let path = self.at(path);
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
        }

        fn register(&self, name: &str, state: &str, interpreter: &Path, flags: &str) {
            let text = format!(
                "{state}\ninterpreter {}\nflags: {flags}\noffset 0\nmagic 7f454c46\n",
                interpreter.display()
            );
            self.write(&format!("binfmt/{name}"), 0o644, &text);
        }

        fn runner(&self, machine: Machine) -> Option<Runner> {
            let directories = [PathBuf::from("bin"), self.at("none"), self.at("bin")];
            Places {
                path: Some(std::env::join_paths(directories).expect("a PATH")),
                prefix: self.prefix.clone(),
                binfmt: &self.at("binfmt"),
                usr: &self.at("usr"),
            }
            .runner(machine)
        }

        fn by_qemu(&self, program: &str, sysroot: Option<&str>) -> Option<Runner> {
            Some(Runner::ByQemu {
                program: self.at(program),
                sysroot: sysroot.map(|sysroot| self.at(sysroot)),
            })
        }
    }

    #[test]
    fn the_hosts_own_programs_run_directly() {
        assert_eq!(runner(Machine::HOST), Some(Runner::Directly));
    }

    #[test]
    fn where_there_is_nothing_nothing_runs_it() {
        let host = Host::new();
        assert_eq!(host.runner(Machine::Arm64), None);
        let nowhere = Places {
            path: None,
            prefix: None,
            binfmt: Path::new("/nowhere"),
            usr: Path::new("/nowhere"),
        };
        assert_eq!(nowhere.runner(Machine::X86_64), None);
    }

    #[test]
    fn qemu_is_found_on_the_path_with_the_libraries_of_its_machine() {
        let mut host = Host::new();
        host.write("bin/qemu-aarch64", 0o644, "not executable");
        assert_eq!(host.runner(Machine::Arm64), None);
        host.write("bin/qemu-aarch64-static", 0o755, "");
        let found = host.by_qemu("bin/qemu-aarch64-static", None);
        assert_eq!(host.runner(Machine::Arm64), found);
        host.write("bin/qemu-aarch64", 0o755, "");
        std::fs::create_dir(host.at("usr/aarch64-linux-gnu")).expect("made");
        let found = host.by_qemu("bin/qemu-aarch64", Some("usr/aarch64-linux-gnu"));
        assert_eq!(host.runner(Machine::Arm64), found);
        assert_eq!(host.runner(Machine::X86_64), None, "it is of the other");
        host.prefix = Some(host.at("mine").into_os_string());
        let found = host.by_qemu("bin/qemu-aarch64", Some("mine"));
        assert_eq!(host.runner(Machine::Arm64), found);
        host.prefix = Some(OsString::new());
        let found = host.by_qemu("bin/qemu-aarch64", Some("usr/aarch64-linux-gnu"));
        assert_eq!(host.runner(Machine::Arm64), found);
    }

    #[test]
    fn the_kernel_runs_it_by_an_entry_that_is_enabled() {
        let host = Host::new();
        let (there, gone) = (host.at("bin/qemu-x"), host.at("bin/gone"));
        host.write("bin/qemu-x", 0o755, "");
        host.write("binfmt/status", 0o644, "enabled\n");
        let runs = || host.runner(Machine::Arm64) == Some(Runner::ByKernel);
        host.register("qemu-aarch64_be", "enabled", &there, "F");
        host.register("python3", "enabled", &there, "F");
        assert!(!runs(), "those are of others");
        host.register("qemu-aarch64", "disabled", &there, "");
        assert!(!runs());
        host.register("qemu-aarch64", "enabled", &gone, "OC");
        assert!(!runs(), "its interpreter is not there");
        host.register("qemu-aarch64", "enabled", &gone, "OCF");
        assert!(runs(), "the kernel has it open");
        host.register("qemu-aarch64", "enabled", &there, "OC");
        assert!(runs());
        assert_eq!(host.runner(Machine::X86_64), None);
        host.write("binfmt/status", 0o644, "disabled\n");
        assert!(!runs(), "all of it is off");
    }

    #[test]
    fn an_entry_is_known_by_its_interpreter_too() {
        let host = Host::new();
        let interpreter = Path::new("/usr/libexec/qemu-binfmt/qemu-x86_64-static");
        host.register("amd64", "enabled", interpreter, "F");
        assert_eq!(host.runner(Machine::X86_64), Some(Runner::ByKernel));
    }

    #[test]
    fn the_kernel_comes_first_where_qemu_knows_no_libraries() {
        let host = Host::new();
        host.write("bin/qemu-aarch64", 0o755, "");
        host.register("qemu-aarch64", "enabled", &host.at("bin/qemu-aarch64"), "");
        assert_eq!(host.runner(Machine::Arm64), Some(Runner::ByKernel));
        std::fs::create_dir(host.at("usr/aarch64-linux-gnu")).expect("made");
        let found = host.by_qemu("bin/qemu-aarch64", Some("usr/aarch64-linux-gnu"));
        assert_eq!(host.runner(Machine::Arm64), found);
    }

    #[test]
    fn a_head_tells_the_machine_of_a_program_and_nothing_of_another_file() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("program");
        let mut program = [0u8; 64];
        program[..4].copy_from_slice(b"\x7fELF");
        program[18] = 183;
        std::fs::write(&path, program).expect("written");
        let read = head(&path).expect("read");
        assert_eq!(read.len(), 20);
        let machine = elf_machine(&read).and_then(Machine::of);
        assert_eq!(machine, Some(Machine::Arm64));
        assert_eq!(elf_machine(&read[..19]), None);
        assert_eq!(elf_machine(b"#!/bin/sh\nexec sleep 600\n"), None);
        assert_eq!(Machine::of(8), None);
    }
}
