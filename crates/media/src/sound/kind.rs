//! Detection of a file's audio format from its content.

use std::{
    fmt,
    io::{self, Read, Seek},
};

use super::SoundError;

/// Bytes of the beginning that are examined.
const HEAD: usize = 4_096;
/// Bytes of a frame of GSM 06.10.
const GSM_FRAME: usize = 33;

/// The audio formats that are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Wav,
    Mp3,
    Vorbis,
    Gsm,
}

impl Kind {
    /// Detects the format of a file.
    pub fn detect(mut file: impl Read + Seek) -> Result<Self, SoundError> {
        let mut head = Vec::new();
        (&mut file).take(HEAD as u64).read_to_end(&mut head)?;
        match head.as_slice() {
            [] => Err(SoundError::Unfit("must not be empty")),
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'A',
                b'V',
                b'E',
                ..,
            ] => Ok(Self::Wav),
            [b'O', b'g', b'g', b'S', ..] => ogg(&head),
            [b'I', b'D', b'3', ..] => Ok(Self::Mp3),
            head if is_mp3(head) => Ok(Self::Mp3),
            _ => {
                file.rewind()?;
                if is_gsm(file)? {
                    Ok(Self::Gsm)
                } else {
                    Err(SoundError::Unfit("is no WAV, MP3, OGG or GSM"))
                }
            }
        }
    }

    /// The name of the format in SoX.
    pub const fn sox(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Mp3 => "mp3",
            Self::Vorbis => "vorbis",
            Self::Gsm => "gsm",
        }
    }

    /// The name of the software to install for this format.
    pub const fn needs(self) -> &'static str {
        match self {
            Self::Wav => "SoX (sox)",
            Self::Mp3 => "SoX with MP3 (libsox-fmt-mp3)",
            Self::Vorbis => "SoX with Vorbis (libsox-fmt-base)",
            Self::Gsm => "SoX with GSM (libsox-fmt-base)",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wav => "WAV",
            Self::Mp3 => "MP3",
            Self::Vorbis => "OGG",
            Self::Gsm => "GSM",
        })
    }
}

/// Detects the codec of an Ogg file: its first page holds the first packet, which names it.
fn ogg(head: &[u8]) -> Result<Kind, SoundError> {
    let first = &head[..head.len().min(300)];
    let says = |name: &[u8]| first.windows(name.len()).any(|some| some == name);
    match () {
        () if says(b"\x01vorbis") => Ok(Kind::Vorbis),
        () if says(b"OpusHead") => Err(SoundError::Unfit(
            "is OGG with Opus; of OGG only Vorbis is read",
        )),
        () => Err(SoundError::Unfit("is OGG without Vorbis")),
    }
}

/// True if the file begins with a frame, and another one follows where it ends.
fn is_mp3(head: &[u8]) -> bool {
    let Some(length) = mp3_frame(head) else {
        return false;
    };
    head.len() <= length || mp3_frame(&head[length..]).is_some()
}

/// The length of the frame of MPEG layer III at the beginning; none if there is no frame.
fn mp3_frame(bytes: &[u8]) -> Option<usize> {
    const KBITS_1: [usize; 16] = [
        0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0,
    ];
    const KBITS_2: [usize; 16] = [
        0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0,
    ];
    const RATES: [usize; 4] = [44_100, 48_000, 32_000, 0];
    let [0xff, second, third, ..] = *bytes else {
        return None;
    };
    let layer_3 = second & 0xe6 == 0xe2;
    // By version: the bit rates, the octets of a frame for each unit of bit rate by sample rate,
    // and the divisor of the sample rates.
    let (kbits, octets, slower) = match (second >> 3) & 3 {
        _ if !layer_3 => return None,
        3 => (KBITS_1, 144, 1),
        2 => (KBITS_2, 72, 2),
        0 => (KBITS_2, 72, 4),
        _ => return None,
    };
    let kbits = kbits[usize::from(third >> 4)];
    let rate = RATES[usize::from((third >> 2) & 3)] / slower;
    let padding = usize::from((third >> 1) & 1);
    (kbits > 0 && rate > 0).then(|| octets * kbits * 1_000 / rate + padding)
}

/// True if the file consists of whole frames only, each with the signature 0xd.
fn is_gsm(file: impl Read) -> io::Result<bool> {
    let mut file = io::BufReader::new(file);
    let mut frame = [0; GSM_FRAME];
    loop {
        let mut filled = 0;
        while filled < GSM_FRAME {
            match file.read(&mut frame[filled..])? {
                0 => return Ok(filled == 0),
                more => filled += more,
            }
        }
        if frame[0] >> 4 != 0xd {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn kind(bytes: &[u8]) -> Option<Kind> {
        Kind::detect(Cursor::new(bytes)).ok()
    }

    #[test]
    fn a_file_is_known_by_what_is_in_it() {
        let frame = |first: &[u8], length: usize| [first, &vec![0; length - first.len()]].concat();
        let mp3 = frame(&[0xff, 0xfb, 0x90, 0x64], 417).repeat(3);
        assert_eq!(kind(&mp3), Some(Kind::Mp3));
        assert_eq!(kind(&mp3[..417]), Some(Kind::Mp3));
        assert_eq!(kind(b"ID3\x04\0\0\0\0\0\0"), Some(Kind::Mp3));
        assert_eq!(kind(&frame(&[0xd2], 33).repeat(500)), Some(Kind::Gsm));
        assert_eq!(kind(b"RIFF\0\0\0\0WAVEfmt "), Some(Kind::Wav));
        let ogg = |name: &[u8]| [&b"OggS\0\x02"[..], &[0; 22], name].concat();
        assert_eq!(kind(&ogg(b"\x01vorbis")), Some(Kind::Vorbis));
        assert_eq!(kind(&ogg(b"OpusHead")), None);
    }

    #[test]
    fn what_is_no_sound_is_not_taken_for_any() {
        let mut almost = [0xd0; 33 * 200];
        almost[33 * 150] = 0x10;
        for bytes in [
            &b""[..],
            b"RIFF",
            b"RIFF\0\0\0\0AVI LIST",
            b"hello, world",
            b"%PDF-1.4",
            b"\xff\xfb",
            b"\xff\xfb\x90\x64 and then no second frame"
                .repeat(20)
                .as_slice(),
            b"OggS",
            &[0xd0; 34],
            &almost,
            &[0xff; 5_000],
            &[0; 5_000],
        ] {
            assert_eq!(kind(bytes), None, "{:?}", &bytes[..bytes.len().min(12)]);
        }
    }
}
