//! PDF: counts pages and renders them for fax machines.

use domain::outreach::Quality;

use super::{DocumentError, FAX, Kind, PDF, Result};
use crate::conversion::{Program, Workroom};

/// The number of pages of a PDF; encrypted PDFs are refused.
pub(super) async fn pages(room: &mut Workroom, file: &str) -> Result<u32> {
    let info = room.run(Program::PdfInfo, [file]).await?;
    if contains(&info.stderr, "Incorrect password") {
        return Err(DocumentError::unfit("is encrypted"));
    }
    if !info.success() {
        return Err(DocumentError::unreadable(Kind::Pdf));
    }
    let text = info.text();
    let said = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        lines
            .find(|(said, _)| *said == name)
            .map(|(_, value)| value.trim())
    };
    // The pages of an encrypted PDF cannot be joined with others, even if it opens without a
    // password.
    if said("Encrypted").is_some_and(|encrypted| encrypted.starts_with("yes")) {
        return Err(DocumentError::unfit("is encrypted"));
    }
    match said("Pages").and_then(|pages| pages.parse().ok()) {
        Some(0) => Err(DocumentError::unfit("has no pages")),
        Some(pages) => Ok(pages),
        None => Err(DocumentError::unreadable(Kind::Pdf)),
    }
}

/// Renders every page on A4, in black and white.
pub(super) async fn draw(room: &mut Workroom, pages: u32, quality: Quality) -> Result<()> {
    let (across, down) = quality.resolution();
    let arguments = [
        "-q".to_owned(),
        "-dSAFER".to_owned(),
        "-dBATCH".to_owned(),
        "-dNOPAUSE".to_owned(),
        "-sDEVICE=tiffg4".to_owned(),
        format!("-r{across}x{down}"),
        "-sPAPERSIZE=a4".to_owned(),
        "-dFIXEDMEDIA".to_owned(),
        "-dPDFFitPage".to_owned(),
        // At most as many pages as were counted, since another count in the PDF may differ.
        format!("-dLastPage={pages}"),
        format!("-sOutputFile={FAX}"),
        PDF.to_owned(),
    ];
    let done = room.run(Program::Ghostscript, arguments).await?;
    if done.success() && room.path(FAX).exists() {
        Ok(())
    } else {
        Err(DocumentError::unreadable(Kind::Pdf))
    }
}

fn contains(bytes: &[u8], part: &str) -> bool {
    String::from_utf8_lossy(bytes).contains(part)
}
