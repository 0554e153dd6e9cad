//! A process that restricts itself before it becomes another program: Landlock for files,
//! seccomp for sockets, other processes and what Landlock leaves open.
//!
//! There is no way back, and what the program starts is restricted likewise.
//!
//! Namespaces, which need a helper, and the choice of what a program may see are the caller's. To
//! deny one more call: its number in a list of `syscalls.rs`. Another kernel's means would be a
//! module beside these two.

#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod syscalls;

use std::path::PathBuf;

use thiserror::Error;

/// The files that a restricted process may still use.
#[derive(Debug, Default)]
pub struct Allowed {
    /// Files and folders that may be read and run, with all that is in them.
    pub read: Vec<PathBuf>,
    /// Folders that may be written to.
    pub write: Vec<PathBuf>,
}

/// An error of restricting a process.
#[derive(Debug, Error)]
pub enum RestrictError {
    /// The kernel has no Landlock, or it is switched off.
    #[error("Landlock: {0}")]
    Files(String),
    /// The kernel accepts no filter, or filters do not support this processor.
    #[error("seccomp: {0}")]
    Syscalls(String),
    /// This system has neither Landlock nor seccomp.
    #[error("Landlock and seccomp are parts of Linux")]
    System,
}

/// Restricts this thread and the program that it executes: call it from the only thread of the
/// process, and then exec.
///
/// # Errors
/// When a part of the restriction fails; then the process must not go on.
#[cfg(target_os = "linux")]
pub fn restrict(allowed: &Allowed) -> Result<(), RestrictError> {
    files::restrict(allowed)?;
    syscalls::restrict()
}

/// Fails: this system has no means to restrict a process.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn restrict(_allowed: &Allowed) -> Result<(), RestrictError> {
    Err(RestrictError::System)
}
