//! PNG and JPEG images, each converted to a PDF of one page.

use std::{
    io::{BufReader, Write},
    path::Path,
};

use flate2::{Compression, write::ZlibEncoder};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref};
use png::{ColorType, Decoder, DecodingError, Limits, Transformations};

use super::{DocumentError, Kind, PDF, Result, UPLOAD, few_enough_pixels, file};
use crate::conversion::{Workroom, create, open};

/// A4 in points.
const SHORT: f32 = 595.0;
const LONG: f32 = 842.0;
/// The size of a dot, in points, of an image that does not fill the page.
const DOT: f32 = 72.0 / 96.0;
/// Bound on the pixels of an interlaced image, which can only be decoded as a whole.
const MOST_AT_ONCE: u64 = 16_000_000;
/// Bound on the decoder's own memory, in bytes.
const DECODER_BYTES: usize = 64 << 20;

/// An image in a form that PDF can embed.
struct Image {
    width: u32,
    height: u32,
    /// 1 for grey, 3 for RGB, 4 for CMYK.
    channels: u8,
    /// True if 0 stands for full ink instead of none.
    inverted: bool,
    filter: Filter,
    bytes: Vec<u8>,
}

pub(super) async fn to_pdf(room: &mut Workroom, kind: Kind) -> Result<()> {
    let (from, to) = (room.path(UPLOAD), room.path(PDF));
    let written = room.work(move || {
        let image = match kind {
            Kind::Png => read_png(&from)?,
            _ => read_jpeg(&from)?,
        };
        Ok(create(&to)?.write_all(&page(&image))?)
    });
    written.await?
}

/// An A4 page with the image at 96 dots per inch, or scaled down to fit.
fn page(image: &Image) -> Vec<u8> {
    let [catalog, tree, page, picture, content] = [1, 2, 3, 4, 5].map(Ref::new);
    let (width, height) = (image.width as f32, image.height as f32);
    let (paper_width, paper_height) = if width > height {
        (LONG, SHORT)
    } else {
        (SHORT, LONG)
    };
    let dot = DOT.min(paper_width / width).min(paper_height / height);
    let (width, height) = (width * dot, height * dot);

    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(tree);
    pdf.pages(tree).kids([page]).count(1);
    let mut sheet = pdf.page(page);
    sheet.parent(tree);
    sheet.media_box(Rect::new(0.0, 0.0, paper_width, paper_height));
    sheet.contents(content);
    sheet.resources().x_objects().pair(Name(b"I"), picture);
    sheet.finish();

    let mut drawn = pdf.image_xobject(picture, &image.bytes);
    drawn.filter(image.filter);
    drawn.width(i32::try_from(image.width).unwrap_or(i32::MAX));
    drawn.height(i32::try_from(image.height).unwrap_or(i32::MAX));
    drawn.bits_per_component(8);
    match image.channels {
        1 => drawn.color_space().device_gray(),
        3 => drawn.color_space().device_rgb(),
        _ => drawn.color_space().device_cmyk(),
    }
    if image.inverted {
        drawn.decode([1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
    }
    drawn.finish();

    let mut placed = Content::new();
    let left = (paper_width - width) / 2.0;
    placed.transform([width, 0.0, 0.0, height, left, paper_height - height]);
    placed.x_object(Name(b"I"));
    pdf.stream(content, &placed.finish());
    pdf.finish()
}

/// Reads a PNG and compresses it again row by row, composed on white: PDF images have no alpha
/// channel.
fn read_png(path: &Path) -> Result<Image> {
    let limits = Limits {
        bytes: DECODER_BYTES,
    };
    let mut decoder = Decoder::new_with_limits(BufReader::new(open(path)?), limits);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(refuse_png)?;
    let (width, height) = (reader.info().width, reader.info().height);
    few_enough_pixels(width.into(), height.into())?;
    let color = reader.output_color_type().0;
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    if reader.info().interlaced {
        if u64::from(width) * u64::from(height) > MOST_AT_ONCE {
            let most = MOST_AT_ONCE;
            let why = format!("is an interlaced PNG of more than {most} pixels");
            return Err(DocumentError::Unfit(why));
        }
        let size = reader.output_buffer_size().unwrap_or(0);
        let mut pixels = vec![0; size];
        reader.next_frame(&mut pixels).map_err(refuse_png)?;
        packed.write_all(&on_white(color, &pixels))?;
    } else {
        while let Some(row) = reader.next_row().map_err(refuse_png)? {
            packed.write_all(&on_white(color, row.data()))?;
        }
    }
    Ok(Image {
        width,
        height,
        channels: match color {
            ColorType::Rgb | ColorType::Rgba => 3,
            _ => 1,
        },
        inverted: false,
        filter: Filter::FlateDecode,
        bytes: packed.finish()?,
    })
}

/// Pixels composed on a white background, without their alpha channel.
fn on_white(color: ColorType, pixels: &[u8]) -> Vec<u8> {
    let channels = match color {
        ColorType::GrayscaleAlpha => 1,
        ColorType::Rgba => 3,
        _ => return pixels.to_vec(),
    };
    let mut plain = Vec::with_capacity(pixels.len());
    for pixel in pixels.chunks_exact(channels + 1) {
        let alpha = u32::from(pixel[channels]);
        let mixed = pixel[..channels].iter().map(|value| {
            let value = (u32::from(*value) * alpha + 255 * (255 - alpha)) / 255;
            u8::try_from(value).unwrap_or(u8::MAX)
        });
        plain.extend(mixed);
    }
    plain
}

fn refuse_png(error: DecodingError) -> DocumentError {
    match error {
        DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            DocumentError::unfit("is a PNG that ends early")
        }
        DecodingError::IoError(error) => error.into(),
        DecodingError::LimitsExceeded => DocumentError::unfit("is a PNG that unpacks to too much"),
        _ => DocumentError::unreadable(Kind::Png),
    }
}

/// Reads a JPEG, which PDF embeds unchanged. Only its headers are checked; Ghostscript is the
/// first to decode its pixels.
fn read_jpeg(path: &Path) -> Result<Image> {
    let Some(bytes) = file::read(path)? else {
        return Err(DocumentError::unfit("is too large for a JPEG"));
    };
    let early = || DocumentError::unfit("is a JPEG that ends early");
    let (mut frame, mut adobe) = (None, false);
    let mut rest = bytes.get(2..).unwrap_or_default();
    loop {
        let [0xff, marker, after @ ..] = rest else {
            return Err(match rest.len() {
                0 | 1 => early(),
                _ => DocumentError::unreadable(Kind::Jpeg),
            });
        };
        // Any number of fill bytes may precede a marker; some markers have no segment.
        if *marker == 0xff {
            rest = &rest[1..];
            continue;
        }
        if matches!(marker, 0x01 | 0xd0..=0xd7) {
            rest = after;
            continue;
        }
        let [high, low, ..] = after else {
            return Err(early());
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let segment = after.get(2..length).ok_or_else(early)?;
        rest = after.get(length..).unwrap_or_default();
        match marker {
            // Baseline, extended, progressive; the others are not in use.
            0xc0..=0xc2 => frame = Some(segment),
            0xee => adobe = segment.starts_with(b"Adobe"),
            // The scan data, in which an end marker cannot occur by chance.
            0xda if rest.windows(2).any(|two| two == [0xff, 0xd9]) => break,
            0xda => return Err(early()),
            _ => {}
        }
    }
    let Some([8, h1, h0, w1, w0, channels @ (1 | 3 | 4), ..]) = frame else {
        return Err(DocumentError::unreadable(Kind::Jpeg));
    };
    let (width, height) = (
        u16::from_be_bytes([*w1, *w0]),
        u16::from_be_bytes([*h1, *h0]),
    );
    few_enough_pixels(width.into(), height.into())?;
    Ok(Image {
        width: width.into(),
        height: height.into(),
        channels: *channels,
        inverted: adobe && *channels == 4,
        filter: Filter::DctDecode,
        bytes,
    })
}
