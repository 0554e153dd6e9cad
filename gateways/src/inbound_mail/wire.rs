//! Lines and mails off a connection, strictly: a line ends with CR LF and nothing else, and
//! a mail with CR LF `.` CR LF. Who believes a bare LF or CR to end something sees other
//! commands than those before it on the way did ("smuggling"), so they are refused.

use bytes::{Buf, BytesMut};

/// The most octets of a command line (RFC 5321, 4.5.3.1.4, and what extensions add).
const LINE: usize = 2_048;

/// What was found at the beginning of what was read so far.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing yet: there is more to be read.
    Nothing,
    /// A command line, without its end.
    Line(Vec<u8>),
    /// A line that is too long.
    TooLong,
    /// A CR or LF by itself.
    Bare,
}

/// Takes a command line off the front.
pub fn line(buffer: &mut BytesMut) -> Found {
    let end = buffer.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
    match end.map(|end| (end, &buffer[end..])) {
        None if buffer.len() > LINE => Found::TooLong,
        // The rest of it may be on its way.
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

/// A mail as it comes in after DATA.
#[derive(Debug, Default)]
pub struct Data {
    state: State,
    /// What of it is in memory, without the dots that protect dots.
    pub bytes: Vec<u8>,
    /// Whether more came than may.
    pub too_long: bool,
    /// Whether a CR or LF stood by itself.
    pub bare: bool,
}

/// What came last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// CR LF, or the beginning.
    #[default]
    LineStart,
    /// A dot at a line's start.
    Dot,
    /// A dot at a line's start, and CR.
    DotCr,
    Text,
    Cr,
}

impl Data {
    /// Takes in what there is, as far as it belongs to the mail; whether it is complete.
    /// Beyond `limit` bytes it is read and not kept.
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
    fn what_is_too_long_is_read_to_its_end_and_not_kept() {
        let (data, complete, rest) = self::data(&[b"0123456789\r\n.\r\nQUIT"], 5);
        assert!(complete && data.too_long);
        assert_eq!(data.bytes.len(), 5);
        assert_eq!(rest, b"QUIT");
    }
}
