//! Upload and download of media, in pieces.

use std::{convert::Infallible, path::Path};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use commands::{envelope::Envelope, media::MediaError};
use domain::outreach::Attachment;
use futures::{StreamExt, stream};
use media::conversion::{self, ConversionError};
use tokio::{io::AsyncWriteExt, task::spawn_blocking};

use crate::{
    App, Error, Result,
    bodies::{Reserved, announced, broken, reserve_window},
    extract::{content_types, declared_type, unlisted_type},
    openapi::{Describe, Sketch},
};

const NAME_LENGTH: usize = 128;
/// The most bytes of an upload that are in memory while it is stored.
const PIECE: usize = 512 << 10;

/// The bytes of an answer that are handed over at a time.
const ANSWER_PIECE: usize = 64 << 10;

/// An uploaded body of bytes.
pub(super) struct Upload {
    /// The declared type, or its refusal, which is returned later: an unknown id is answered first.
    content_type: Result<String>,
    file_name: Option<String>,
    body: Body,
}

impl FromRequest<App> for Upload {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let limit = app.config().upload_limit;
        let (parts, body) = request.into_parts();
        let types = content_types(&parts);
        let declared = declared_type(&parts.headers, types);
        if announced(&parts.headers).is_some_and(|length| length > limit) {
            return Err(Error::TooLarge(limit));
        }
        reserve_window(app, &parts, PIECE).await?;
        Ok(Self {
            content_type: declared.and_then(|kind| kind.ok_or_else(|| unlisted_type(types))),
            file_name: file_name(&parts.headers),
            body,
        })
    }
}

impl Describe for Upload {
    fn describe(sketch: &mut Sketch) {
        sketch.bytes = true;
        sketch.refuses(&[412, 413, 415]);
    }
}

impl Upload {
    /// Stores the bytes. The file is named `otherwise`, with an extension, if the client gave no
    /// name.
    pub async fn receive(self, app: &App, otherwise: &str) -> Result<Attachment> {
        let limit = app.config().upload_limit;
        self.receive_within(limit, app, otherwise).await
    }

    /// Stores at most `limit` bytes, like [`Self::receive`].
    pub async fn receive_within(
        self,
        limit: usize,
        app: &App,
        otherwise: &str,
    ) -> Result<Attachment> {
        let content_type = self.content_type?;
        let bytes = self.body.into_data_stream();
        let (media, size) = app.media().put(bytes, limit).await?;
        if size == 0 {
            return Err(Error::invalid("body", "must not be empty"));
        }
        let extension = extension(&content_type);
        let named = || format!("{otherwise}.{extension}");
        Ok(Attachment {
            media,
            file_name: self.file_name.unwrap_or_else(named),
            content_type,
            size: i64::try_from(size).unwrap_or(i64::MAX),
        })
    }
}

impl Upload {
    /// The file name that the client gave, if any.
    pub fn file_name(&self) -> Option<&str> {
        self.file_name.as_deref()
    }

    /// Writes the bytes into a file of this server, for a conversion.
    pub async fn save(self, app: &App, path: &Path) -> Result<()> {
        self.content_type?;
        let limit = app.config().upload_limit;
        let file = conversion::create(path).map_err(unwritten)?;
        let mut file = tokio::fs::File::from_std(file);
        let mut size = 0_usize;
        let mut pieces = self.body.into_data_stream();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(broken)?;
            size = size.saturating_add(piece.len());
            if size > limit {
                return Err(Error::TooLarge(limit));
            }
            file.write_all(&piece).await.map_err(unwritten)?;
        }
        file.flush().await.map_err(unwritten)?;
        match size {
            0 => Err(Error::invalid("body", "must not be empty")),
            _ => Ok(()),
        }
    }
}

fn unwritten(error: std::io::Error) -> Error {
    ConversionError::System(error).into()
}

impl From<MediaError> for Error {
    fn from(error: MediaError) -> Self {
        match error {
            MediaError::TooLarge(limit) => Self::TooLarge(limit),
            MediaError::BrokenOff => Self::invalid("body", "ended early"),
            MediaError::Database(error) => error.into(),
            MediaError::Randomness => Self::Internal,
        }
    }
}

impl From<ConversionError> for Error {
    fn from(error: ConversionError) -> Self {
        match error {
            ConversionError::Missing(program) => {
                Self::NotImplemented(format!("{program} has to be installed on this server"))
            }
            error @ ConversionError::Unconfined => Self::NotImplemented(error.to_string()),
            ConversionError::Busy => {
                Self::Unavailable("too many conversions wait already; try again")
            }
            ConversionError::Stopping => Self::Unavailable("the server is stopping; try again"),
            ConversionError::TooSlow(_) => Self::invalid("body", "takes too long to convert"),
            ConversionError::TooLarge(_) => Self::invalid("body", "becomes too large"),
            ConversionError::System(error) => {
                tracing::error!(%error, "a conversion failed");
                Self::Internal
            }
        }
    }
}

/// Answers a medium as a file to be saved, never to be shown in place.
pub(crate) async fn download(app: &App, attached: &Attachment) -> Result<Response> {
    let found = app.media().get(&attached.media).await?;
    let (size, pieces) = found.ok_or(Error::NotFound)?;
    let disposition = disposition(&attached.file_name);
    let headers = [
        (header::CONTENT_TYPE, value(&attached.content_type)),
        (header::CONTENT_LENGTH, HeaderValue::from(size)),
        (header::CONTENT_DISPOSITION, value(&disposition)),
        (header::ETAG, value(&format!("\"{}\"", attached.media.0))),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// Answers a medium that is sealed with this key, like [`download`].
pub(crate) async fn download_sealed(
    app: &App,
    attached: &Attachment,
    key: &str,
) -> Result<Response> {
    let found = app.media().get(&attached.media).await?;
    let (size, pieces) = found.ok_or(Error::NotFound)?;
    let size = usize::try_from(size).map_err(|_| Error::Internal)?;
    let mut reserved = app.bodies().reserve_answer(size).await?;
    let mut sealed = Vec::with_capacity(size);
    let mut pieces = std::pin::pin!(pieces);
    while let Some(piece) = pieces.next().await {
        sealed.extend_from_slice(&piece?);
    }
    let envelope = Envelope::with(key).ok_or(Error::NotFound)?;
    // Off the threads that answer others.
    let opened = spawn_blocking(move || envelope.open(&sealed)).await;
    let bytes = opened.map_err(|_| Error::Internal)??;
    reserved.settle();
    let headers = [
        (header::CONTENT_TYPE, value(&attached.content_type)),
        (header::CONTENT_LENGTH, HeaderValue::from(bytes.len())),
        (
            header::CONTENT_DISPOSITION,
            value(&disposition(&attached.file_name)),
        ),
    ];
    Ok((headers, in_pieces(bytes, reserved)).into_response())
}

/// A body that is handed over a piece at a time, each a copy, and keeps its reservation until
/// the last of them: what a client does not read stays counted.
fn in_pieces(bytes: Vec<u8>, reserved: Reserved) -> Body {
    let pieces = stream::unfold((bytes, 0, reserved), |(bytes, at, reserved)| async move {
        let end = bytes.len().min(at + ANSWER_PIECE);
        let piece = Bytes::copy_from_slice(bytes.get(at..end)?);
        (!piece.is_empty()).then_some((Ok::<_, Infallible>(piece), (bytes, end, reserved)))
    });
    Body::from_stream(pieces)
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// The name in `Content-Disposition`, without a path.
fn file_name(headers: &HeaderMap) -> Option<String> {
    let said = headers.get(header::CONTENT_DISPOSITION)?.to_str().ok()?;
    let named = |part: &str| {
        let (name, value) = part.trim().split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("filename")
            .then(|| value.trim().trim_matches('"').to_owned())
    };
    let name = said.split(';').find_map(named)?;
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let fine = |c: &char| !c.is_control() && !"<>:\"|?*".contains(*c);
    let name: String = name.chars().filter(fine).take(NAME_LENGTH).collect();
    let name = name.trim_matches(['.', ' ']);
    (!name.is_empty()).then(|| name.to_owned())
}

/// The value of `Content-Disposition`: RFC 6266, with RFC 8187 for names that are not ASCII.
fn disposition(name: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !"\"\\%".contains(c);
    let ascii: String = name
        .chars()
        .map(|c| if plain(c) || c == ' ' { c } else { '_' })
        .collect();
    if ascii == name {
        return format!("attachment; filename=\"{ascii}\"");
    }
    let attr = |b: u8| b.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&b);
    let encoded: String = name
        .bytes()
        .map(|b| {
            if attr(b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect();
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

/// The usual file extension of a content type.
fn extension(content_type: &str) -> &'static str {
    const KNOWN: [(&str, &str); 12] = [
        ("application/pdf", "pdf"),
        ("application/zip", "zip"),
        ("application/json", "json"),
        ("application/msword", "doc"),
        ("image/jpeg", "jpg"),
        ("image/png", "png"),
        ("image/gif", "gif"),
        ("image/tiff", "tif"),
        ("text/plain", "txt"),
        ("text/csv", "csv"),
        ("text/html", "html"),
        ("text/calendar", "ics"),
    ];
    let known = KNOWN.iter().find(|(kind, _)| *kind == content_type);
    known.map_or("bin", |(_, extension)| extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_file_name_is_a_name_and_not_a_path() {
        let name = |text| file_name(&headers(header::CONTENT_DISPOSITION, text));
        assert_eq!(
            name("attachment; filename=\"../../etc/passwd\"").as_deref(),
            Some("passwd")
        );
        assert_eq!(name("attachment; FileName=a.pdf").as_deref(), Some("a.pdf"));
        assert_eq!(name("attachment; filename=\"..\""), None);
        assert_eq!(name("attachment"), None);
    }

    #[test]
    fn a_foreign_name_goes_out_in_both_forms() {
        assert_eq!(disposition("a b.pdf"), "attachment; filename=\"a b.pdf\"");
        let both = disposition("ö\"\r\n.pdf");
        assert_eq!(
            both,
            "attachment; filename=\"____.pdf\"; filename*=UTF-8''%C3%B6%22%0D%0A.pdf"
        );
    }
}
