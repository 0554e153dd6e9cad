//! Detection of a file's kind from its content.

use std::{io::Read, path::Path};

use super::{Result, office};
use crate::conversion::{Program, open};

/// A file format that can be faxed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Kind {
    Pdf,
    Tiff,
    Png,
    Jpeg,
    Rtf,
    Doc,
    Xls,
    Ppt,
    Docx,
    Xlsx,
    Pptx,
    Odt,
    Ods,
    Odp,
}

impl Kind {
    /// The usual file name extension.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Tiff => "tif",
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Rtf => "rtf",
            Self::Doc => "doc",
            Self::Xls => "xls",
            Self::Ppt => "ppt",
            Self::Docx => "docx",
            Self::Xlsx => "xlsx",
            Self::Pptx => "pptx",
            Self::Odt => "odt",
            Self::Ods => "ods",
            Self::Odp => "odp",
        }
    }

    /// The name for error messages.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Pdf => "PDF",
            Self::Tiff => "TIFF",
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            _ => "an office document",
        }
    }

    /// The programs that convert files of this kind to PDF.
    pub const fn programs(self) -> &'static [Program] {
        match self {
            Self::Pdf | Self::Png | Self::Jpeg => &[],
            Self::Tiff => &[Program::Tiff2Pdf],
            _ => &[Program::LibreOffice],
        }
    }
}

/// Detects the kind of a file by its first bytes and, for containers, by the entries in it; none
/// for any other file.
///
/// The signature has to be at the very beginning: Ghostscript executes a file that begins as
/// PostScript, even if a PDF follows later in it.
pub(super) fn sniff(path: &Path) -> Result<Option<Kind>> {
    let mut head = Vec::new();
    open(path)?.take(512).read_to_end(&mut head)?;
    Ok(match head.as_slice() {
        [b'%', b'P', b'D', b'F', b'-', ..] => Some(Kind::Pdf),
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Kind::Tiff),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Kind::Png),
        [0xff, 0xd8, 0xff, ..] => Some(Kind::Jpeg),
        [b'{', b'\\', b'r', b't', b'f', ..] => Some(Kind::Rtf),
        [b'P', b'K', 3, 4, ..] => office::kind_of_zip(path, &head)?,
        [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, ..] => office::kind_of_ole(path)?,
        _ => None,
    })
}
