//! The pages of documents: made of uploads, extended, drawn anew.

use std::path::Path;

use domain::outreach::{MediaHash, Pages, Quality};
use futures::StreamExt;
use media::{
    conversion::{self, Workroom},
    documents::{BEFORE, DocumentError, Documents, FAX, PDF, UPLOAD},
};
use tokio::{fs::File, io::AsyncWriteExt};
use tokio_util::io::ReaderStream;

use super::media::Upload;
use crate::{App, Error, Result, authorization::Caller};

/// Pages made of an upload, behind the pages `before` if there are some.
pub(super) async fn of_upload(
    caller: &Caller,
    upload: Upload,
    before: Option<&Pages>,
    quality: Quality,
) -> Result<Pages> {
    let app = caller.app();
    let documents = documents(app);
    documents.ready()?;
    let mut room = app.parts().conversions.room(caller.user())?;
    let file_name = upload.file_name().map(str::to_owned);
    let path = room.path(UPLOAD);
    room.fill(upload.save(app, &path)).await??;
    let kind = documents.to_pdf(&mut room).await?;
    if let Some(before) = before {
        fetch(app, &before.pdf, &room.path(BEFORE)).await?;
        documents.add_before(&mut room).await?;
    }
    let drawn = draw(app, &mut room, quality).await?;
    let (pdf, size) = keep(app, &room, PDF).await?;
    Ok(Pages {
        pdf,
        size,
        fax: drawn.fax,
        quality,
        count: drawn.count,
        kind: kind.extension().to_owned(),
        file_name: file_name.or_else(|| before?.file_name.clone()),
    })
}

/// Draws the same pages in another quality.
pub(super) async fn anew(caller: &Caller, pages: &Pages, quality: Quality) -> Result<Pages> {
    let app = caller.app();
    documents(app).ready()?;
    let mut room = app.parts().conversions.room(caller.user())?;
    fetch(app, &pages.pdf, &room.path(PDF)).await?;
    let drawn = draw(app, &mut room, quality).await?;
    Ok(Pages {
        fax: drawn.fax,
        count: drawn.count,
        quality,
        ..pages.clone()
    })
}

fn documents(app: &App) -> Documents<'_> {
    Documents {
        conversions: &app.parts().conversions,
        most_pages: app.config().document_pages,
    }
}

struct Drawn {
    fax: MediaHash,
    count: i32,
}

async fn draw(app: &App, room: &mut Workroom, quality: Quality) -> Result<Drawn> {
    let count = documents(app).to_fax(room, quality).await?;
    let (fax, _) = keep(app, room, FAX).await?;
    Ok(Drawn {
        fax,
        count: i32::try_from(count).unwrap_or(i32::MAX),
    })
}

/// Stores a file of the workroom as a medium.
async fn keep(app: &App, room: &Workroom, file: &str) -> Result<(MediaHash, i64)> {
    let file = conversion::open(&room.path(file)).map_err(broken)?;
    let file = File::from_std(file);
    let bytes = ReaderStream::with_capacity(file, 256 << 10);
    let (media, size) = app.media().put(bytes, usize::MAX).await?;
    Ok((media, i64::try_from(size).unwrap_or(i64::MAX)))
}

/// Writes a medium into a file.
async fn fetch(app: &App, media: &MediaHash, path: &Path) -> Result<()> {
    let Some((_, pieces)) = app.media().get(media).await? else {
        tracing::error!(media = media.0, "a document's pages are not there");
        return Err(Error::Internal);
    };
    let mut pieces = std::pin::pin!(pieces);
    let mut file = File::from_std(conversion::create(path).map_err(broken)?);
    while let Some(piece) = pieces.next().await {
        file.write_all(&piece?).await.map_err(broken)?;
    }
    file.flush().await.map_err(broken)
}

fn broken(error: std::io::Error) -> Error {
    tracing::error!(%error, "a file of a conversion failed");
    Error::Internal
}

impl From<DocumentError> for Error {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::Unsupported => {
                let reason = "the file is no PDF, TIFF, PNG, JPEG or office document";
                Self::UnsupportedMedia(reason.into())
            }
            DocumentError::Unfit(why) => Self::invalid("body", why),
            DocumentError::Conversion(error) => error.into(),
        }
    }
}
