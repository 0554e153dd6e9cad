//! Reading of a CSV body row by row, whatever its content.

use axum::body::{Body, BodyDataStream};
use csv_core::{ReadRecordResult, Reader};
use encoding_rs::WINDOWS_1252;
use futures::StreamExt;

use crate::{Error, Result, bodies::broken};

/// The most bytes of a row. A longer one most likely has a quote that is not closed.
const MAX_ROW_BYTES: usize = 1 << 20;
/// The most columns whose values are kept.
const WIDEST: usize = 64;

/// A row of a CSV body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The line of the file on which the row begins, from 1.
    pub line: u64,
    /// The values, or the reason why the row as a whole is rejected.
    pub fields: Result<Vec<String>, String>,
}

/// Reads the rows of a body. At no time more of it is in memory than a row and the chunk with which
/// it came.
pub(crate) struct Rows {
    chunks: BodyDataStream,
    /// The bytes that may still come, and the limit on the whole body.
    left: usize,
    limit: usize,
    ended: bool,
    begun: bool,
    reader: Reader,
    /// The bytes in memory: the present row begins at `start` and has been read up to `at`.
    window: Vec<u8>,
    start: usize,
    at: usize,
    /// The line at `start`; `after_cr` is true if the byte before `start` was a carriage return.
    line: u64,
    after_cr: bool,
    /// The present row: its values one after the other, and the end of each.
    values: Vec<u8>,
    filled: usize,
    ends: Vec<usize>,
    ended_at: usize,
    /// The number of columns before those in `ends`, if the row has too many.
    columns: usize,
}

impl Rows {
    /// The rows of a body of at most `limit` bytes.
    pub fn new(body: Body, limit: usize) -> Self {
        Self {
            chunks: body.into_data_stream(),
            left: limit,
            limit,
            ended: false,
            begun: false,
            reader: Reader::new(),
            window: Vec::new(),
            start: 0,
            at: 0,
            line: 1,
            after_cr: false,
            values: Vec::new(),
            filled: 0,
            ends: vec![0; WIDEST],
            ended_at: 0,
            columns: 0,
        }
    }

    /// The next row; none at the end.
    pub async fn next(&mut self) -> Result<Option<Row>> {
        if !self.begun {
            self.begin().await?;
        }
        loop {
            if self.at == self.start && self.filled == 0 && self.columns == 0 {
                self.skip_blank_lines();
            }
            if self.at < self.window.len() {
                if let Some(row) = self.read().await? {
                    return Ok(Some(row));
                }
            } else if self.at - self.start > MAX_ROW_BYTES {
                return self.give_up("is longer than 1 MiB").await.map(Some);
            } else if !self.fill().await? {
                return self.last().await;
            }
        }
    }

    /// Checks the first bytes: a body that cannot be CSV at all is refused as a whole.
    async fn begin(&mut self) -> Result<()> {
        while self.window.len() < 3 && self.fill().await? {}
        self.begun = true;
        let not = |what: &str| Err(Error::invalid("body", format!("must be CSV, not {what}")));
        if self.window.is_empty() {
            return Err(Error::invalid("body", "must not be empty"));
        }
        if self.window.starts_with(b"\xff\xfe") || self.window.starts_with(b"\xfe\xff") {
            return not("UTF-16; save it as UTF-8");
        }
        if self.window.contains(&0) {
            return not("binary data");
        }
        if self.window.starts_with(b"\xef\xbb\xbf") {
            (self.start, self.at) = (3, 3);
        }
        Ok(())
    }

    /// Reads more of the body; false at its end.
    async fn fill(&mut self) -> Result<bool> {
        self.window.drain(..self.start);
        self.at -= self.start;
        self.start = 0;
        if self.ended {
            return Ok(false);
        }
        let Some(chunk) = self.chunks.next().await else {
            self.ended = true;
            return Ok(false);
        };
        let chunk = chunk.map_err(broken)?;
        self.left = match self.left.checked_sub(chunk.len()) {
            Some(left) => left,
            None => {
                self.ended = true;
                return Err(Error::TooLarge(self.limit));
            }
        };
        self.window.extend_from_slice(&chunk);
        Ok(true)
    }

    fn skip_blank_lines(&mut self) {
        let rest = &self.window[self.start..];
        let blank = rest.iter().take_while(|b| matches!(b, b'\r' | b'\n'));
        let to = self.start + blank.count();
        self.pass(to);
    }

    /// Leaves everything up to `to` behind, counting its lines, and begins a row there.
    fn pass(&mut self, to: usize) {
        for &byte in &self.window[self.start..to] {
            if byte == b'\r' || (byte == b'\n' && !self.after_cr) {
                self.line += 1;
            }
            self.after_cr = byte == b'\r';
        }
        (self.start, self.at) = (to, to);
        (self.filled, self.ended_at, self.columns) = (0, 0, 0);
    }

    /// Reads on in the window; returns a row if one ends there.
    async fn read(&mut self) -> Result<Option<Row>> {
        // No value is longer than the bytes from which it was read.
        let room = self.filled + self.window.len() - self.at;
        if self.values.len() < room {
            self.values.resize(room, 0);
        }
        let (result, read, written, ended) = self.reader.read_record(
            &self.window[self.at..],
            &mut self.values[self.filled..],
            &mut self.ends[self.ended_at..],
        );
        self.at += read;
        self.filled += written;
        self.ended_at += ended;
        match result {
            ReadRecordResult::Record => Ok(Some(self.row())),
            ReadRecordResult::OutputEndsFull => {
                self.columns += self.ended_at;
                (self.filled, self.ended_at) = (0, 0);
                Ok(None)
            }
            ReadRecordResult::OutputFull if self.at - self.start > MAX_ROW_BYTES => {
                self.give_up("is longer than 1 MiB").await.map(Some)
            }
            ReadRecordResult::InputEmpty | ReadRecordResult::OutputFull | ReadRecordResult::End => {
                Ok(None)
            }
        }
    }

    /// The row that ends at `at`.
    fn row(&mut self) -> Row {
        let line = self.line;
        let fields = match self.columns {
            0 => Ok(decoded(
                &self.values[..self.filled],
                &self.ends[..self.ended_at],
            )),
            more => Err(format!("has {} columns", more + self.ended_at)),
        };
        self.pass(self.at);
        Row { line, fields }
    }

    /// The row behind the last line end. Another line end is added: it ends the row, or belongs to
    /// a value in quotes that nothing closes.
    async fn last(&mut self) -> Result<Option<Row>> {
        if self.start == self.window.len() {
            return Ok(None);
        }
        self.values.resize(self.filled + 1, 0);
        let (result, _, _, ended) = self.reader.read_record(
            b"\n",
            &mut self.values[self.filled..],
            &mut self.ends[self.ended_at..],
        );
        self.ended_at += ended;
        if result == ReadRecordResult::Record {
            return Ok(Some(self.row()));
        }
        let row = self.give_up("opens a quote and does not close it").await?;
        Ok(Some(row))
    }

    /// Rejects the line on which the present row begins, and goes on with the next.
    async fn give_up(&mut self, reason: &str) -> Result<Row> {
        let line = self.line;
        let row = Row {
            line,
            fields: Err(reason.to_owned()),
        };
        self.reader = Reader::new();
        loop {
            let rest = &self.window[self.start..];
            let end = rest.iter().position(|b| matches!(b, b'\r' | b'\n'));
            self.pass(end.map_or(self.window.len(), |end| self.start + end));
            if end.is_some() || !self.fill().await? {
                return Ok(row);
            }
        }
    }
}

/// Decodes a row as UTF-8, or else as Windows-1252, which spreadsheets in the West wrote before.
fn decoded(values: &[u8], ends: &[usize]) -> Vec<String> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let fields = starts.zip(ends).map(|(start, &end)| &values[start..end]);
    let utf8: Result<Vec<_>, _> = fields.clone().map(std::str::from_utf8).collect();
    match utf8 {
        Ok(fields) => fields.into_iter().map(str::to_owned).collect(),
        Err(_) => fields
            .map(|field| {
                WINDOWS_1252
                    .decode_without_bom_handling(field)
                    .0
                    .into_owned()
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of a body that comes in pieces of this size.
    async fn in_pieces(text: &[u8], size: usize) -> Result<Vec<Row>> {
        let pieces: Vec<_> = text.chunks(size).map(<[u8]>::to_vec).collect();
        let pieces = futures::stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
        let mut rows = Rows::new(Body::from_stream(pieces), 8 << 20);
        let mut all = Vec::new();
        while let Some(row) = rows.next().await? {
            all.push(row);
        }
        Ok(all)
    }

    async fn rows(text: impl AsRef<[u8]>) -> Vec<Row> {
        let text = text.as_ref();
        let whole = in_pieces(text, 1 << 20).await.unwrap();
        if text.len() < 10_000 {
            for size in [1, 2, 3, 7] {
                let pieces = in_pieces(text, size).await.unwrap();
                assert_eq!(pieces, whole, "in pieces of {size}");
            }
        }
        whole
    }

    fn row(line: u64, fields: &[&str]) -> Row {
        Row {
            line,
            fields: Ok(fields.iter().map(|&field| field.to_owned()).collect()),
        }
    }

    fn bad(line: u64, reason: &str) -> Row {
        Row {
            line,
            fields: Err(reason.to_owned()),
        }
    }

    #[tokio::test]
    async fn line_ends_of_every_kind_and_none_at_the_end() {
        for text in ["1,a\n2,b\n", "1,a\r\n2,b\r\n", "1,a\r2,b\r", "1,a\n2,b"] {
            assert_eq!(rows(text).await, [row(1, &["1", "a"]), row(2, &["2", "b"])]);
        }
        assert_eq!(
            rows("1\r\n\r\n\r\n2").await,
            [row(1, &["1"]), row(4, &["2"])]
        );
    }

    #[tokio::test]
    async fn quotes_hold_commas_line_ends_and_quotes() {
        assert_eq!(
            rows("1,\"a,\"\"b\"\"\r\nc\"\r\n2,\"\"\r\n").await,
            [row(1, &["1", "a,\"b\"\r\nc"]), row(3, &["2", ""])]
        );
    }

    #[tokio::test]
    async fn a_quote_that_is_not_closed_costs_its_own_line_only() {
        assert_eq!(
            rows("1,a\n2,\"b\n3,c\n4,d\n").await,
            [
                row(1, &["1", "a"]),
                bad(2, "opens a quote and does not close it"),
                row(3, &["3", "c"]),
                row(4, &["4", "d"]),
            ]
        );
    }

    #[tokio::test]
    async fn a_row_without_an_end_is_rejected_and_the_next_is_read() {
        let text = format!("1,a\n2,{}\n3,c\n", "x".repeat(3 << 20));
        assert_eq!(
            rows(text).await,
            [
                row(1, &["1", "a"]),
                bad(2, "is longer than 1 MiB"),
                row(3, &["3", "c"]),
            ]
        );
    }

    #[tokio::test]
    async fn a_million_columns_are_counted_and_not_kept() {
        let text = format!("1,a\n{}\n3,c\n", ",".repeat(999_999));
        assert_eq!(
            rows(text).await,
            [
                row(1, &["1", "a"]),
                bad(2, "has 1000000 columns"),
                row(3, &["3", "c"]),
            ]
        );
    }

    #[tokio::test]
    async fn a_mark_at_the_beginning_is_no_text_and_latin_1_is_read() {
        assert_eq!(rows("\u{feff}1,ä\n").await, [row(1, &["1", "ä"])]);
        assert_eq!(
            rows(b"1,M\xfcller \x80\n2,\xc3\xbc\n").await,
            [row(1, &["1", "Müller €"]), row(2, &["2", "ü"])]
        );
    }

    #[tokio::test]
    async fn what_is_no_text_is_refused_as_a_whole() {
        for text in [&b""[..], b"\xff\xfe1\0", b"\x89PNG\r\n\x1a\n\0\0"] {
            let refused = in_pieces(text, 1 << 20).await.unwrap_err();
            assert!(matches!(refused, Error::Invalid(_)), "{text:?}");
        }
    }

    #[tokio::test]
    async fn what_is_too_large_is_read_up_to_there() {
        let mut rows = Rows::new(Body::from("1,a\n2,b\n"), 7);
        assert_eq!(rows.next().await, Err(Error::TooLarge(7)));
        let pieces = ["1,a\n", "2,b\n"].map(|piece| Ok::<_, std::io::Error>(piece.to_owned()));
        let body = Body::from_stream(futures::stream::iter(pieces));
        let mut rows = Rows::new(body, 7);
        assert_eq!(rows.next().await, Ok(Some(row(1, &["1", "a"]))));
        assert_eq!(rows.next().await, Err(Error::TooLarge(7)));
    }
}
