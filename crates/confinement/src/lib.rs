//! A process that restricts itself before it becomes another program: Landlock for files,
//! seccomp for sockets, other processes and what Landlock leaves open.
//!
//! There is no way back, and what the program starts is restricted likewise.

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

/// Why a process could not be restricted.
#[derive(Debug, Error)]
pub enum RestrictError {
    /// The kernel has no Landlock, or it is switched off.
    #[error("Landlock: {0}")]
    Files(String),
    /// The kernel takes no filter, or the processor is none that filters are written for.
    #[error("seccomp: {0}")]
    Syscalls(String),
    /// Neither exists on this system.
    #[error("Landlock and seccomp are parts of Linux")]
    System,
}

/// Restricts this thread and what it becomes: call it from the only thread there is, and
/// then exec.
///
/// # Errors
/// When not all of it can be had; then the process must not go on.
#[cfg(target_os = "linux")]
pub fn restrict(allowed: &Allowed) -> Result<(), RestrictError> {
    files::restrict(allowed)?;
    syscalls::restrict()
}

/// Refuses: there is nothing here to restrict a process with.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn restrict(_allowed: &Allowed) -> Result<(), RestrictError> {
    Err(RestrictError::System)
}
