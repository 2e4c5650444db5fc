//! The runtimes in Rust that the project measures itself.

mod kernel;
mod tokio;

use std::io;

use super::wire::serve;

/// Names of those that [`serve_named`] knows.
pub(super) const NAMES: [&str; 2] = ["kernel", "tokio"];

/// Is the driver of one of them, on this process's standard input and output.
///
/// # Errors
/// There is no such runtime, or the other side does not speak the protocol.
pub(super) fn serve_named(name: &str) -> io::Result<()> {
    let (stdin, stdout) = (io::stdin().lock(), io::stdout());
    match name {
        "kernel" => serve(&mut kernel::Kernel, stdin, stdout),
        "tokio" => serve(&mut tokio::Tokio, stdin, stdout),
        _ => Err(io::Error::other(format!(
            "there is no driver `{name}` in here; there are {}",
            NAMES.join(", ")
        ))),
    }
}
