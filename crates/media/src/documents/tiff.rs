//! TIFF: counts pages and checks that their image data is within the file; decodes nothing.

use std::{
    collections::HashSet,
    fs::File,
    io::{BufReader, ErrorKind, Read, Seek, SeekFrom},
    path::Path,
};

use super::{DocumentError, Kind, Result, few_enough_pixels, too_many};
use crate::conversion::open;

/// Bounds on the fields of a page, and on the strips or tiles of all images together.
const MOST_FIELDS: u64 = 1024;
const MOST_PIECES: u64 = 1 << 20;

const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
/// The tags of the offsets of an image's strips or tiles, and of their lengths.
const OFFSETS: [u16; 2] = [273, 324];
const LENGTHS: [u16; 2] = [279, 325];

/// The number of pages, each with complete image data; refuses more than `most`.
pub(super) fn pages(path: &Path, most: u32) -> Result<u32> {
    let mut file = Tiff::open(path)?;
    let mut seen = HashSet::new();
    let mut at = file.first()?;
    let mut pages = 0;
    while at != 0 {
        pages += 1;
        if pages > most {
            return Err(too_many(pages, most));
        }
        // A cycle of pages would never end.
        if !seen.insert(at) {
            return Err(DocumentError::unreadable(Kind::Tiff));
        }
        at = file.page(at)?;
    }
    match pages {
        0 => Err(DocumentError::unfit("has no pages")),
        pages => Ok(pages),
    }
}

struct Tiff {
    file: BufReader<File>,
    size: u64,
    big_endian: bool,
    pieces: u64,
}

/// A field of a page: its tag, the width of its values, their number and their offset.
struct Field {
    tag: u16,
    wide: bool,
    count: u64,
    at: u64,
}

impl Tiff {
    fn open(path: &Path) -> Result<Self> {
        let file = open(path)?;
        let size = file.metadata()?.len();
        let mut file = BufReader::new(file);
        let mut order = [0; 2];
        file.read_exact(&mut order).map_err(cut_off)?;
        Ok(Self {
            file,
            size,
            big_endian: order == *b"MM",
            pieces: 0,
        })
    }

    /// The offset of the first page's description.
    fn first(&mut self) -> Result<u64> {
        match self.number(2)? {
            42 => self.number(4),
            _ => Err(DocumentError::unfit("is a BigTIFF; a plain TIFF is needed")),
        }
    }

    /// Checks a page, and answers the offset of the next page's description; 0 at the end.
    fn page(&mut self, at: u64) -> Result<u64> {
        let fields = self.fields(at)?;
        let next = self.number(4)?;
        let (mut width, mut height) = (0, 0);
        let (mut offsets, mut lengths) = (Vec::new(), Vec::new());
        for field in fields {
            match field.tag {
                WIDTH => width = self.one(&field)?,
                HEIGHT => height = self.one(&field)?,
                tag if OFFSETS.contains(&tag) => offsets = self.values(&field)?,
                tag if LENGTHS.contains(&tag) => lengths = self.values(&field)?,
                _ => {}
            }
        }
        few_enough_pixels(width, height)?;
        let mut pieces = offsets.iter().zip(&lengths);
        let is_there = |(at, length): (&u64, &u64)| at + length <= self.size;
        if !offsets.is_empty() && offsets.len() == lengths.len() && pieces.all(is_there) {
            Ok(next)
        } else {
            Err(DocumentError::unfit("is a TIFF that ends early"))
        }
    }

    fn fields(&mut self, at: u64) -> Result<Vec<Field>> {
        self.go(at)?;
        let count = self.number(2)?;
        if count > MOST_FIELDS {
            return Err(DocumentError::unreadable(Kind::Tiff));
        }
        let mut fields = Vec::new();
        for _ in 0..count {
            let tag = u16::try_from(self.number(2)?).unwrap_or(0);
            let wide = self.number(2)? == 4;
            let count = self.number(4)?;
            // Values of more than four bytes are stored elsewhere.
            let here = self.file.stream_position()?;
            let elsewhere = self.number(4)?;
            let fits = count.saturating_mul(if wide { 4 } else { 2 }) <= 4;
            let at = if fits { here } else { elsewhere };
            fields.push(Field {
                tag,
                wide,
                count,
                at,
            });
        }
        Ok(fields)
    }

    fn values(&mut self, field: &Field) -> Result<Vec<u64>> {
        self.pieces = self.pieces.saturating_add(field.count);
        if self.pieces > MOST_PIECES {
            return Err(DocumentError::unreadable(Kind::Tiff));
        }
        let back = self.file.stream_position()?;
        self.go(field.at)?;
        let length = if field.wide { 4 } else { 2 };
        let values = (0..field.count).map(|_| self.number(length)).collect();
        self.go(back)?;
        values
    }

    fn one(&mut self, field: &Field) -> Result<u64> {
        match field.count {
            1 => Ok(self.values(field)?.first().copied().unwrap_or(0)),
            _ => Err(DocumentError::unreadable(Kind::Tiff)),
        }
    }

    fn go(&mut self, at: u64) -> Result<()> {
        self.file.seek(SeekFrom::Start(at))?;
        Ok(())
    }

    fn number(&mut self, length: usize) -> Result<u64> {
        let mut bytes = [0; 4];
        let bytes = &mut bytes[..length.min(4)];
        self.file.read_exact(bytes).map_err(cut_off)?;
        if !self.big_endian {
            bytes.reverse();
        }
        Ok(bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

fn cut_off(error: std::io::Error) -> DocumentError {
    match error.kind() {
        ErrorKind::UnexpectedEof => DocumentError::unfit("is a TIFF that ends early"),
        _ => error.into(),
    }
}
