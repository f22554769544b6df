//! The `remedia` binary: hands the arguments to the library and returns its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    remedia::cli::run(std::env::args_os().collect())
}
