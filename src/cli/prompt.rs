//! Passwords from the terminal, which does not show them, or from standard input.

use std::{
    io::{self, BufRead, IsTerminal, Read},
    process,
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, bail};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;
use tokio::signal::unix::{Signal, SignalKind, signal};
use zeroize::Zeroizing;

use crate::output;

/// The most bytes of a line that is read.
const MAX_LINE_BYTES: u64 = 4096;
/// The exit code of a program that SIGINT ended, as shells show it.
const INTERRUPTED: i32 = 128 + 2;

/// True if there is somebody to ask.
pub fn is_answered() -> bool {
    io::stdin().is_terminal()
}

/// Asks for a password on the terminal, without showing it. Ctrl-C ends the process, with the
/// terminal as it was.
///
/// # Errors
/// When the terminal cannot be used, or nothing was typed.
pub async fn ask(question: &str) -> anyhow::Result<SecretString> {
    let interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(end_on(interrupt));
    let hidden = Hidden::start().context("the terminal cannot hide the password")?;
    output::note(format_args!("{question}: "));
    let line = tokio::task::spawn_blocking(line).await?;
    drop(hidden);
    output::note("\n");
    line
}

/// A line of standard input, without its end.
///
/// # Errors
/// When it cannot be read, or is empty or too long.
pub fn line() -> anyhow::Result<SecretString> {
    let mut line = Zeroizing::new(String::new());
    let read = io::stdin()
        .lock()
        .take(MAX_LINE_BYTES)
        .read_line(&mut line)?;
    if read as u64 == MAX_LINE_BYTES {
        bail!("the password is too long");
    }
    match line.trim_end_matches(['\n', '\r']) {
        "" => bail!("no password was given"),
        password => Ok(SecretString::from(password)),
    }
}

/// Ends the process at the next signal, which does not do so by itself once it was listened for.
async fn end_on(mut interrupt: Signal) {
    interrupt.recv().await;
    show();
    output::note("\n");
    process::exit(INTERRUPTED);
}

/// The terminal's settings from before it was told to hide what is typed, while it does.
static SHOWN: Mutex<Option<Termios>> = Mutex::new(None);

/// The terminal while it does not show what is typed; shows it again when dropped.
struct Hidden;

impl Hidden {
    fn start() -> nix::Result<Self> {
        let shown = tcgetattr(io::stdin())?;
        let mut hidden = shown.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        let mut kept = lock();
        *kept = Some(shown);
        // What was typed ahead was shown, so it is no answer.
        tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &hidden)?;
        Ok(Self)
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        show();
    }
}

fn show() {
    if let Some(shown) = lock().take() {
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &shown);
    }
}

fn lock() -> MutexGuard<'static, Option<Termios>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}
