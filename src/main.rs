//! The `pipectl` binary: parse, run, exit code.

fn main() -> std::process::ExitCode {
    pipectl::cli::run()
}
