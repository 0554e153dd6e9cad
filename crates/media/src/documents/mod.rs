//! Conversion of uploads to pages that can be faxed: every kind of file first to PDF, then to
//! TIFF (G4) in a quality.
//!
//! A file's content decides its kind: neither its name nor the announced content type counts.
//! An upload's kind, and the size of images, TIFFs and office documents, are checked here
//! before a program reads it.
//!
//! To accept another kind of file: a line in [`Kind`]'s lists and in `sniff`, and its
//! conversion to PDF in `to_pdf`.

mod file;
mod images;
mod kind;
mod office;
mod pdf;
#[cfg(test)]
mod tests;
mod tiff;

use std::fs;

use domain::outreach::Quality;
use thiserror::Error;

pub use self::kind::Kind;
use crate::conversion::{ConversionError, Conversions, Program, Workroom};

/// The name of the uploaded file in the workroom.
pub const UPLOAD: &str = "upload";
/// The name of the file with the pages as PDF.
pub const PDF: &str = "document.pdf";
/// The name of the file with the pages as TIFF.
pub const FAX: &str = "fax.tif";
/// The name of the file with the earlier pages as PDF, to which others are added.
pub const BEFORE: &str = "before.pdf";

/// Bound on the pixels of one image; A3 at 600 dots per inch has 70 million.
const MOST_PIXELS: u64 = 80_000_000;
/// Bound on the bytes of a file that is read into memory.
const MOST_BYTES: u64 = 64 << 20;

/// The reason for which a document has no pages.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// The upload is of no kind that can be converted.
    #[error("not a kind of file that can be faxed")]
    Unsupported,
    /// The upload is of a supported kind, but damaged, encrypted, empty or too large.
    #[error("{0}")]
    Unfit(String),
    /// The conversion itself failed.
    #[error(transparent)]
    Conversion(#[from] ConversionError),
}

impl DocumentError {
    fn unfit(why: impl Into<String>) -> Self {
        Self::Unfit(why.into())
    }

    fn unreadable(kind: Kind) -> Self {
        Self::Unfit(format!("cannot be read as {}", kind.title()))
    }
}

impl From<std::io::Error> for DocumentError {
    fn from(error: std::io::Error) -> Self {
        Self::Conversion(error.into())
    }
}

type Result<T, E = DocumentError> = std::result::Result<T, E>;

/// Converts uploads to pages.
#[derive(Clone, Copy, Debug)]
pub struct Documents<'a> {
    /// The programs that convert.
    pub conversions: &'a Conversions,
    /// Bound on the pages of a document.
    pub most_pages: u32,
}

impl Documents<'_> {
    /// Refuses unless at least PDF can be converted on this machine.
    ///
    /// # Errors
    /// [`DocumentError::Conversion`] with the missing program.
    pub fn ready(&self) -> Result<()> {
        let needed = [Program::PdfInfo, Program::Ghostscript];
        Ok(self.conversions.need(&needed)?)
    }

    /// Converts the workroom's [`UPLOAD`] to [`PDF`], and answers the kind of the upload.
    ///
    /// # Errors
    /// As [`DocumentError`] says.
    pub async fn to_pdf(&self, room: &mut Workroom) -> Result<Kind> {
        let path = room.path(UPLOAD);
        let kind = room.work(move || kind::sniff(&path)).await??;
        let kind = kind.ok_or(DocumentError::Unsupported)?;
        self.conversions.need(kind.programs())?;
        match kind {
            Kind::Pdf => fs::rename(room.path(UPLOAD), room.path(PDF))?,
            Kind::Png | Kind::Jpeg => images::to_pdf(room, kind).await?,
            Kind::Tiff => self.tiff_to_pdf(room).await?,
            _ => office::to_pdf(room, kind).await?,
        }
        // The PDFs converted from other kinds are no more trusted than uploaded ones.
        self.pages(room, PDF).await?;
        Ok(kind)
    }

    /// Inserts the pages of [`BEFORE`] in front of those of [`PDF`].
    ///
    /// # Errors
    /// As [`DocumentError`] says.
    pub async fn add_before(&self, room: &mut Workroom) -> Result<()> {
        self.conversions.need(&[Program::PdfUnite])?;
        let pages = self.pages(room, BEFORE).await? + self.pages(room, PDF).await?;
        self.few_enough(pages)?;
        let added = "added.pdf";
        fs::rename(room.path(PDF), room.path(added))?;
        let united = room.run(Program::PdfUnite, [BEFORE, added, PDF]).await?;
        if united.success() && self.pages(room, PDF).await? == pages {
            Ok(())
        } else {
            Err(DocumentError::unreadable(Kind::Pdf))
        }
    }

    /// Renders [`PDF`] to [`FAX`], and answers the number of pages of both.
    ///
    /// # Errors
    /// As [`DocumentError`] says.
    pub async fn to_fax(&self, room: &mut Workroom, quality: Quality) -> Result<u32> {
        let pages = self.pages(room, PDF).await?;
        pdf::draw(room, pages, quality).await?;
        // Ghostscript reports success even for pages that it could not read.
        let path = room.path(FAX);
        let drawn = room.work(move || tiff::pages(&path, u32::MAX)).await?;
        match drawn {
            Ok(drawn) if drawn == pages => Ok(pages),
            _ => Err(DocumentError::unreadable(Kind::Pdf)),
        }
    }

    async fn tiff_to_pdf(&self, room: &mut Workroom) -> Result<()> {
        let (path, most) = (room.path(UPLOAD), self.most_pages);
        let pages = room.work(move || tiff::pages(&path, most)).await??;
        let arguments = ["-z", "-p", "A4", "-F", "-o", PDF, UPLOAD];
        let done = room.run(Program::Tiff2Pdf, arguments).await?;
        if done.success() && self.pages(room, PDF).await? == pages {
            Ok(())
        } else {
            Err(DocumentError::unreadable(Kind::Tiff))
        }
    }

    async fn pages(&self, room: &mut Workroom, file: &str) -> Result<u32> {
        let pages = pdf::pages(room, file).await?;
        self.few_enough(pages)?;
        Ok(pages)
    }

    fn few_enough(&self, pages: u32) -> Result<()> {
        if pages <= self.most_pages {
            Ok(())
        } else {
            Err(too_many(pages, self.most_pages))
        }
    }
}

fn too_many(pages: u32, most: u32) -> DocumentError {
    DocumentError::unfit(format!("has {pages} pages; at most {most} are taken"))
}

fn few_enough_pixels(width: u64, height: u64) -> Result<()> {
    let pixels = width.saturating_mul(height);
    if (1..=MOST_PIXELS).contains(&pixels) {
        Ok(())
    } else {
        Err(DocumentError::unfit(format!(
            "has an image of {width} by {height} pixels; {MOST_PIXELS} in all are taken"
        )))
    }
}
