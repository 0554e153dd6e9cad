//! The programs that convert, and the wrapper programs that set their limits.

use std::{
    env,
    ffi::OsString,
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::process::Command;

use super::Limits;

/// A program that converts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Program {
    /// Renders PDF to fax pages.
    Ghostscript,
    /// Converts office documents to PDF.
    LibreOffice,
    /// Counts the pages of a PDF.
    PdfInfo,
    /// Joins several PDFs into one.
    PdfUnite,
    /// Converts audio files to samples.
    Sox,
    /// Converts TIFF to PDF.
    Tiff2Pdf,
}

impl Program {
    /// All programs.
    pub const ALL: &[Self] = &[
        Self::Ghostscript,
        Self::LibreOffice,
        Self::PdfInfo,
        Self::PdfUnite,
        Self::Sox,
        Self::Tiff2Pdf,
    ];

    /// The name of the executable.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Ghostscript => "gs",
            Self::LibreOffice => "soffice",
            Self::PdfInfo => "pdfinfo",
            Self::PdfUnite => "pdfunite",
            Self::Sox => "sox",
            Self::Tiff2Pdf => "tiff2pdf",
        }
    }

    /// The name of the software to install.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Ghostscript => "Ghostscript (gs)",
            Self::LibreOffice => "LibreOffice (soffice)",
            Self::PdfInfo => "Poppler (pdfinfo)",
            Self::PdfUnite => "Poppler (pdfunite)",
            Self::Sox => "SoX (sox)",
            Self::Tiff2Pdf => "LibTIFF's tools (tiff2pdf)",
        }
    }
}

/// The path of a program found on `PATH`, with links resolved: they may lie in folders that a
/// confined program does not see.
pub(super) fn on_path(file: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let candidates = env::split_paths(&path).map(|folder| folder.join(file));
    let mut runnable = candidates.filter(|candidate| {
        let found = candidate.metadata();
        candidate.is_absolute()
            && found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    });
    runnable.next()?.canonicalize().ok()
}

/// The command of these words: a program and its first arguments.
pub(super) fn command(words: Vec<OsString>) -> io::Result<Command> {
    let mut words = words.into_iter();
    let program = words.next().ok_or(io::ErrorKind::NotFound)?;
    let mut command = Command::new(program);
    command.args(words);
    Ok(command)
}

/// Programs of util-linux that set limits and then execute another program. To set the limits
/// between fork and exec in this process would take unsafe code.
#[derive(Debug)]
pub(super) struct Wrappers {
    setpriv: PathBuf,
    prlimit: PathBuf,
}

impl Wrappers {
    /// The name of the software to install.
    pub const NAMES: &str = "util-linux (setpriv, prlimit)";

    /// Finds both on `PATH`; none if one is missing.
    pub fn find() -> Option<Self> {
        Some(Self {
            setpriv: on_path("setpriv")?,
            prlimit: on_path("prlimit")?,
        })
    }

    /// A program for the probe, which does nothing but print its version.
    pub fn nothing(&self) -> PathBuf {
        self.prlimit.clone()
    }

    /// The chain of wrappers that ends in `program`.
    pub fn chain<'c>(&'c self, program: &'c Path, time: Duration, limits: &'c Limits) -> Chain<'c> {
        Chain {
            wrappers: self,
            program,
            time,
            limits,
        }
    }
}

/// A program with the wrappers that set its limits before they execute it.
#[derive(Debug)]
pub(super) struct Chain<'c> {
    wrappers: &'c Wrappers,
    program: &'c Path,
    time: Duration,
    limits: &'c Limits,
}

impl Chain<'_> {
    /// The programs that must be visible inside the confinement.
    pub fn programs(&self) -> [&Path; 3] {
        [&self.wrappers.setpriv, &self.wrappers.prlimit, self.program]
    }

    /// The words of the wrapper that kills the program when this process ends, even by a crash.
    pub fn dies_with_parent(&self, more: &[&str]) -> Vec<OsString> {
        let mut words = vec![self.wrappers.setpriv.clone().into_os_string()];
        words.extend(["--pdeathsig", "KILL"].map(OsString::from));
        words.extend(more.iter().map(OsString::from));
        words.push("--".into());
        words
    }

    /// The words of the wrapper that takes all capabilities from root.
    pub fn without_capabilities(&self) -> Vec<OsString> {
        let mut words = vec![self.wrappers.setpriv.clone().into_os_string()];
        words.extend(["--bounding-set=-all", "--inh-caps=-all", "--"].map(OsString::from));
        words
    }

    /// The words of the program with its limits; its arguments follow.
    pub fn limited(&self) -> Vec<OsString> {
        // Twice the time limit, since programs can use several threads at once. The wall-clock
        // limit is enforced in `Running`; this one is for processes that escape it.
        let cpu = self.time.as_secs().saturating_add(1).saturating_mul(2);
        let limits = [
            format!("--as={}", self.limits.memory),
            format!("--cpu={cpu}:{}", cpu + 1),
            format!("--fsize={}", self.limits.file),
        ];
        let mut words = vec![self.wrappers.prlimit.clone().into_os_string()];
        words.extend(limits.map(OsString::from));
        words.extend(["--core=0", "--nofile=1024", "--"].map(OsString::from));
        words.push(self.program.into());
        words
    }
}
