//! The programs that convert, and those that hold them within their limits.

use std::{
    env,
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

/// Where on `PATH` a program is.
pub(super) fn on_path(file: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let candidates = env::split_paths(&path).map(|folder| folder.join(file));
    let mut runnable = candidates.filter(|candidate| {
        let found = candidate.metadata();
        candidate.is_absolute()
            && found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    });
    runnable.next()
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

    /// The command that becomes `program`: dead with this process, however that ends,
    /// without new privileges, and within the limits.
    pub fn command(&self, program: &Path, time: Duration, limits: &Limits) -> Command {
        // Programs can work with several threads at once; the clock on the wall is
        // kept by us, this is for what escapes us.
        let cpu = time.as_secs().saturating_add(1).saturating_mul(2);
        let mut command = Command::new(&self.setpriv);
        command
            .args(["--pdeathsig", "KILL", "--no-new-privs", "--"])
            .arg(&self.prlimit)
            .arg(format!("--as={}", limits.memory))
            .arg(format!("--cpu={cpu}:{}", cpu + 1))
            .arg(format!("--fsize={}", limits.file))
            .args(["--core=0", "--nofile=1024", "--"])
            .arg(program);
        command
    }
}
