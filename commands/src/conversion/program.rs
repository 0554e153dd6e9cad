//! The programs that convert, and those that hold them within their limits.

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
    /// Makes fax pages of PDF.
    Ghostscript,
    /// Makes PDF of office documents.
    LibreOffice,
    /// Counts a PDF's pages.
    PdfInfo,
    /// Makes one PDF of several.
    PdfUnite,
    /// Makes samples of sound.
    Sox,
    /// Makes PDF of TIFF.
    Tiff2Pdf,
}

impl Program {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Ghostscript,
        Self::LibreOffice,
        Self::PdfInfo,
        Self::PdfUnite,
        Self::Sox,
        Self::Tiff2Pdf,
    ];

    /// What its file is called.
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

    /// What people have to install.
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

/// Where on `PATH` a program is, with links resolved: they may lie where a confined program
/// sees nothing.
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

/// A command of these words: a program and its first arguments.
pub(super) fn command(words: Vec<OsString>) -> io::Result<Command> {
    let mut words = words.into_iter();
    let program = words.next().ok_or(io::ErrorKind::NotFound)?;
    let mut command = Command::new(program);
    command.args(words);
    Ok(command)
}

/// Programs of util-linux that set limits for the one they become: setting them
/// between fork and exec ourselves takes unsafe code.
#[derive(Debug)]
pub(super) struct Wrappers {
    setpriv: PathBuf,
    prlimit: PathBuf,
}

impl Wrappers {
    /// As people know them.
    pub const NAMES: &str = "util-linux (setpriv, prlimit)";

    /// Both, if both are there.
    pub fn find() -> Option<Self> {
        Some(Self {
            setpriv: on_path("setpriv")?,
            prlimit: on_path("prlimit")?,
        })
    }

    /// A program that does nothing when it is asked for its version.
    pub fn nothing(&self) -> PathBuf {
        self.prlimit.clone()
    }

    /// The programs that one after the other become `program`.
    pub fn chain<'c>(&'c self, program: &'c Path, time: Duration, limits: &'c Limits) -> Chain<'c> {
        Chain {
            wrappers: self,
            program,
            time,
            limits,
        }
    }
}

/// A program, and those that hold it within its limits before they become it.
#[derive(Debug)]
pub(super) struct Chain<'c> {
    wrappers: &'c Wrappers,
    program: &'c Path,
    time: Duration,
    limits: &'c Limits,
}

impl Chain<'_> {
    /// All that have to be found where it is confined.
    pub fn programs(&self) -> [&Path; 3] {
        [&self.wrappers.setpriv, &self.wrappers.prlimit, self.program]
    }

    /// Ends with this process, however that ends.
    pub fn dies_with_parent(&self, more: &[&str]) -> Vec<OsString> {
        let mut words = vec![self.wrappers.setpriv.clone().into_os_string()];
        words.extend(["--pdeathsig", "KILL"].map(OsString::from));
        words.extend(more.iter().map(OsString::from));
        words.push("--".into());
        words
    }

    /// Root without what makes it more than another user.
    pub fn without_capabilities(&self) -> Vec<OsString> {
        let mut words = vec![self.wrappers.setpriv.clone().into_os_string()];
        words.extend(["--bounding-set=-all", "--inh-caps=-all", "--"].map(OsString::from));
        words
    }

    /// The program within its limits; its arguments follow.
    pub fn limited(&self) -> Vec<OsString> {
        // Programs can work with several threads at once; the clock on the wall is
        // kept by us, this is for what escapes us.
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
