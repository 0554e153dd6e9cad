//! Reads lines and mails from a connection, strictly: a line ends with CR LF only, and a mail
//! with CR LF `.` CR LF. A server that takes a bare LF or CR for an end reads other commands
//! than the servers before it did ("SMTP smuggling"), so they are refused.

use bytes::{Buf, BytesMut};

/// The most octets of a command line (RFC 5321, 4.5.3.1.4, plus those of extensions).
const LINE: usize = 2_048;

/// The result of looking for a line at the beginning of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// No complete line yet.
    Nothing,
    /// A command line, without its end.
    Line(Vec<u8>),
    /// A line that is too long.
    TooLong,
    /// A bare CR or LF.
    Bare,
}

/// Takes a command line off the front of a buffer.
pub fn line(buffer: &mut BytesMut) -> Found {
    let end = buffer.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
    match end.map(|end| (end, &buffer[end..])) {
        None if buffer.len() > LINE => Found::TooLong,
        // The rest of the line may be on its way.
        None | Some((_, [b'\r'])) => Found::Nothing,
        Some((end, [b'\r', b'\n', ..])) if end <= LINE => {
            let line = buffer.split_to(end).to_vec();
            buffer.advance(2);
            Found::Line(line)
        }
        Some((_, [b'\r', b'\n', ..])) => Found::TooLong,
        Some(_) => Found::Bare,
    }
}

/// The parser of a mail after DATA.
#[derive(Debug, Default)]
pub struct Data {
    state: State,
    /// The mail so far, up to the limit, with dot-stuffing removed.
    pub bytes: Vec<u8>,
    /// True if the mail exceeds the limit.
    pub too_long: bool,
    /// True if the mail has a bare CR or LF.
    pub bare: bool,
}

/// The state after the last byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// After CR LF, or at the beginning.
    #[default]
    LineStart,
    /// After a dot at a line's start.
    Dot,
    /// After a dot at a line's start, and CR.
    DotCr,
    Text,
    Cr,
}

impl Data {
    /// Consumes the bytes that belong to the mail; true if it is complete. Bytes beyond `limit`
    /// are consumed and not kept.
    pub fn take(&mut self, buffer: &mut BytesMut, limit: usize) -> bool {
        let mut taken = 0;
        let mut complete = false;
        for &byte in buffer.iter() {
            taken += 1;
            let (state, keep): (State, &[u8]) = match (self.state, byte) {
                (State::DotCr, b'\n') => {
                    complete = true;
                    (State::LineStart, &[])
                }
                (State::LineStart, b'.') => (State::Dot, &[]),
                (State::Dot, b'\r') => (State::DotCr, &[]),
                (State::DotCr, b'\r') => {
                    self.bare = true;
                    (State::Cr, b".\r\r")
                }
                (State::DotCr, _) => {
                    self.bare = true;
                    (State::Text, &[])
                }
                (State::Cr, b'\n') => (State::LineStart, b"\n"),
                (_, b'\r') => {
                    self.bare |= self.state == State::Cr;
                    (State::Cr, b"\r")
                }
                (_, b'\n') => {
                    self.bare = true;
                    (State::Text, b"\n")
                }
                (State::Cr, _) => {
                    self.bare = true;
                    (State::Text, std::slice::from_ref(&byte))
                }
                _ => (State::Text, std::slice::from_ref(&byte)),
            };
            self.state = state;
            if self.bytes.len() + keep.len() > limit {
                self.too_long = true
            } else {
                self.bytes.extend_from_slice(keep)
            }
            if complete {
                break;
            }
        }
        buffer.advance(taken);
        complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(chunks: &[&[u8]], limit: usize) -> (Data, bool, Vec<u8>) {
        let mut data = Data::default();
        let mut buffer = BytesMut::new();
        let mut complete = false;
        for chunk in chunks {
            buffer.extend_from_slice(chunk);
            complete = complete || data.take(&mut buffer, limit);
        }
        (data, complete, buffer.to_vec())
    }

    #[test]
    fn lines_end_with_cr_lf_only() {
        let mut buffer = BytesMut::from(&b"NOOP\r\nRSET\r\nQU"[..]);
        assert_eq!(line(&mut buffer), Found::Line(b"NOOP".to_vec()));
        assert_eq!(line(&mut buffer), Found::Line(b"RSET".to_vec()));
        assert_eq!(line(&mut buffer), Found::Nothing);
        for bare in [&b"NOOP\nRSET\r\n"[..], b"NOOP\rRSET\r\n", b"\n"] {
            assert_eq!(line(&mut BytesMut::from(bare)), Found::Bare, "{bare:?}");
        }
        assert_eq!(line(&mut BytesMut::from(&b"NOOP\r"[..])), Found::Nothing);
        let long = vec![b'x'; LINE + 1];
        assert_eq!(line(&mut BytesMut::from(&long[..])), Found::TooLong);
    }

    #[test]
    fn a_mail_ends_with_a_dot_on_a_line_of_its_own() {
        let whole = b"one\r\n..two\r\n.three\r\n\r\n.\r\nQUIT\r\n";
        let (data, complete, rest) = self::data(&[whole], 100);
        assert!(complete && !data.bare && !data.too_long);
        assert_eq!(data.bytes, b"one\r\n.two\r\nthree\r\n\r\n");
        assert_eq!(rest, b"QUIT\r\n");
        for at in 1..whole.len() {
            let (data, complete, _) = self::data(&[&whole[..at], &whole[at..]], 100);
            assert!(complete, "{at}");
            assert_eq!(data.bytes, b"one\r\n.two\r\nthree\r\n\r\n", "{at}");
        }
        let (data, complete, _) = self::data(&[b".\r\n"], 100);
        assert!(complete && data.bytes.is_empty());
    }

    #[test]
    fn what_looks_like_an_end_to_others_is_none_and_is_noticed() {
        for smuggled in [
            &b"a\n.\nb"[..],
            b"a\n.\r\nb",
            b"a\r.\rb",
            b"a\r.\r\nb",
            b"a\r\n.\nb",
            b"a\r\n.\rb",
            b"a\r\n.\r\rb",
            b"a\rb",
            b"a\r\r\nb",
        ] {
            let whole = [smuggled, b"\r\n.\r\n"].concat();
            let (data, complete, rest) = self::data(&[&whole], 100);
            assert!(complete, "{smuggled:?}");
            assert!(data.bare, "{smuggled:?}");
            assert!(rest.is_empty(), "{smuggled:?}");
        }
    }

    #[test]
    fn an_overlong_mail_is_read_to_its_end() {
        let (data, complete, rest) = self::data(&[b"0123456789\r\n.\r\nQUIT"], 5);
        assert!(complete && data.too_long);
        assert_eq!(data.bytes.len(), 5);
        assert_eq!(rest, b"QUIT");
    }
}
