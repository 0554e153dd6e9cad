//! The WAV container: reads the headers, and checks them against the file.

use std::io::{self, Read, Seek, SeekFrom};

use domain::outreach::Sound;

use super::SoundError;

/// Bytes before the samples in the files that we write.
pub const HEADER: usize = 44;
/// Bound on the chunks before the samples, against files that are made to be slow.
const MOST_CHUNKS: usize = 1_000;
const RATES: std::ops::RangeInclusive<u32> = 1_000..=384_000;
const MOST_CHANNELS: u16 = 32;
/// Registered numbers of encodings of samples.
const PCM: u16 = 1;
const FLOAT: u16 = 3;
const PACKED: [u16; 5] = [2, 6, 7, 0x11, 0x31];
/// The number for an encoding that is given in the extension of the format chunk.
const EXTENSIBLE: u16 = 0xfffe;

/// The position and the format of the samples of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wav {
    format: Format,
    /// The offset of the first sample.
    pub start: u64,
    /// The length of the samples, in bytes.
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Format {
    coding: u16,
    channels: u16,
    rate: u32,
    /// Bytes of a frame: one sample of each channel.
    frame: u16,
    bits: u16,
}

impl Wav {
    /// Reads the header and checks it against the file.
    pub fn read(mut file: impl Read + Seek) -> Result<Self, SoundError> {
        let length = file.seek(SeekFrom::End(0))?;
        file.rewind()?;
        let [_riff, riff_bytes, _wave] = words::<3>(&mut file)?;
        // One byte may be the padding, which some writers leave out.
        if u64::from(riff_bytes) + 8 > length + 1 {
            return Err(CUT);
        }
        let mut format = None;
        for _ in 0..MOST_CHUNKS {
            let [kind, bytes] = words::<2>(&mut file)?;
            let (start, bytes) = (file.stream_position()?, u64::from(bytes));
            match &kind.to_le_bytes() {
                b"fmt " => format = Some(Format::read(&mut file, bytes)?),
                b"data" if start + bytes > length => return Err(CUT),
                b"data" => {
                    let format = format.ok_or(NO_FORMAT)?;
                    return format.checked(start, bytes);
                }
                _ => {}
            }
            file.seek(SeekFrom::Start(start + bytes + bytes % 2))?;
        }
        Err(SoundError::Unfit("the WAV has no samples"))
    }

    /// True if the samples have the form of recordings already.
    pub fn is_kept_as_it_is(&self) -> bool {
        let Format {
            coding,
            channels,
            rate,
            bits,
            ..
        } = self.format;
        (coding, channels, i64::from(rate), bits) == (PCM, 1, Sound::RATE, 16)
    }

    /// The playing time in whole seconds; none for compressed samples, whose time is unknown until
    /// they are decoded.
    pub fn seconds(&self) -> Option<u64> {
        let frames = self.bytes / u64::from(self.format.frame);
        let known = [PCM, FLOAT].contains(&self.format.coding);
        known.then(|| frames / u64::from(self.format.rate))
    }
}

const CUT: SoundError = SoundError::Unfit("the WAV says that it has more than is there");
const NO_FORMAT: SoundError = SoundError::Unfit("the WAV does not say how its samples are written");

impl Format {
    fn read(file: &mut impl Read, bytes: u64) -> Result<Self, SoundError> {
        let mut said = [0; 40];
        let known = usize::try_from(bytes).unwrap_or(usize::MAX).min(said.len());
        if known < 16 {
            return Err(NO_FORMAT);
        }
        exactly(file, &mut said[..known])?;
        let short = |at: usize| u16::from_le_bytes([said[at], said[at + 1]]);
        let coding = match short(0) {
            EXTENSIBLE if known == said.len() => short(24),
            coding => coding,
        };
        Ok(Self {
            coding,
            channels: short(2),
            rate: u32::from_le_bytes([said[4], said[5], said[6], said[7]]),
            frame: short(12),
            bits: short(14),
        })
    }

    fn checked(self, start: u64, bytes: u64) -> Result<Wav, SoundError> {
        let plain = [PCM, FLOAT].contains(&self.coding);
        if !plain && !PACKED.contains(&self.coding) {
            return Err(SoundError::Unfit(
                "the WAV is written in a way that is not read here",
            ));
        }
        let expected = u32::from(self.channels) * u32::from(self.bits.div_ceil(8));
        let sane = (1..=MOST_CHANNELS).contains(&self.channels)
            && RATES.contains(&self.rate)
            && self.frame > 0
            && (!plain || (self.bits > 0 && u32::from(self.frame) == expected));
        if !sane {
            return Err(SoundError::Unfit("the WAV contradicts itself"));
        }
        if bytes < u64::from(self.frame) {
            return Err(SoundError::Empty);
        }
        Ok(Wav {
            format: self,
            start,
            bytes,
        })
    }
}

/// The header of a file of ours with this number of samples.
pub fn header(samples: u64) -> [u8; HEADER] {
    // No recording may be nearly as long as the maximum of 4 GB.
    let bytes = u32::try_from(samples * 2).unwrap_or(u32::MAX - 36);
    let rate = Sound::RATE as u32;
    let mut header = [0; HEADER];
    let mut at = 0;
    let mut put = |some: &[u8]| {
        header[at..at + some.len()].copy_from_slice(some);
        at += some.len();
    };
    put(b"RIFF");
    put(&(bytes + 36).to_le_bytes());
    put(b"WAVEfmt ");
    put(&16_u32.to_le_bytes());
    put(&PCM.to_le_bytes());
    put(&1_u16.to_le_bytes());
    put(&rate.to_le_bytes());
    put(&(rate * 2).to_le_bytes());
    put(&2_u16.to_le_bytes());
    put(&16_u16.to_le_bytes());
    put(b"data");
    put(&bytes.to_le_bytes());
    header
}

fn words<const N: usize>(file: &mut impl Read) -> Result<[u32; N], SoundError> {
    let mut words = [0; N];
    for word in &mut words {
        let mut bytes = [0; 4];
        exactly(file, &mut bytes)?;
        *word = u32::from_le_bytes(bytes);
    }
    Ok(words)
}

fn exactly(file: &mut impl Read, bytes: &mut [u8]) -> Result<(), SoundError> {
    file.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => SoundError::Unfit("the WAV ends in its header"),
        _ => error.into(),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Wav, SoundError> {
        Wav::read(Cursor::new(bytes))
    }

    fn ours(samples: usize) -> Vec<u8> {
        let mut file = header(samples as u64).to_vec();
        file.extend(vec![7; samples * 2]);
        file
    }

    /// The result of reading a file of ours in which some bytes are replaced.
    fn changed(at: usize, bytes: &[u8]) -> Result<Wav, SoundError> {
        let mut file = ours(8_000);
        file[at..at + bytes.len()].copy_from_slice(bytes);
        read(&file)
    }

    #[test]
    fn what_we_write_is_kept_as_it_is() {
        let wav = read(&ours(8_000)).unwrap();
        assert!(wav.is_kept_as_it_is());
        assert_eq!((wav.start, wav.bytes, wav.seconds()), (44, 16_000, Some(1)));
    }

    #[test]
    fn what_other_programs_put_in_between_is_passed_over() {
        let mut file = ours(100);
        file.splice(36..36, *b"LIST\x03\0\0\0abc\0");
        file.extend(b"LIST\x04\0\0\0tail");
        let wav = read(&file).unwrap();
        assert_eq!((wav.start, wav.bytes), (56, 200));
    }

    #[test]
    fn a_file_that_was_cut_off_is_refused_wherever() {
        let whole = ours(100);
        for length in 12..whole.len() - 1 {
            let cut = read(&whole[..length]);
            assert!(
                matches!(cut, Err(SoundError::Unfit(_))),
                "{length}: {cut:?}"
            );
        }
    }

    #[test]
    fn a_file_that_lies_is_refused() {
        const HUGE: [u8; 4] = [0xff, 0xff, 0xff, 0xff];
        for (at, bytes, what) in [
            (4, &HUGE[..], "as many bytes as there can be"),
            (40, &HUGE[..], "as many samples"),
            (40, &[0x82, 0x3e, 0, 0], "one sample more than there is"),
            (16, &HUGE[..], "a format of 4 GB"),
            (16, &[4, 0, 0, 0], "a format of 4 bytes"),
            (20, &[0x55, 0], "an MP3 in disguise"),
            (22, &[0, 0], "no channel"),
            (22, &[0xff, 0xff], "many channels"),
            (24, &[1, 0, 0, 0], "one sample a second"),
            (24, &HUGE[..], "4 billion of them"),
            (32, &[0, 0], "samples of no bytes"),
            (32, &[7, 0], "samples of too many"),
            (34, &[0, 0], "samples of no bits"),
            (36, b"atad", "no samples"),
        ] {
            let read = changed(at, bytes);
            assert!(
                matches!(read, Err(SoundError::Unfit(_))),
                "{what}: {read:?}"
            );
        }
        assert!(matches!(changed(40, &[0; 4]), Err(SoundError::Empty)));
    }

    #[test]
    fn a_maze_of_chunks_comes_to_an_end() {
        let mut file = b"RIFF\0\0\0\0WAVE".to_vec();
        for _ in 0..100_000 {
            file.extend(b"junk\0\0\0\0");
        }
        assert!(matches!(read(&file), Err(SoundError::Unfit(_))));
    }

    #[test]
    fn other_samples_are_known_for_what_they_are() {
        let stereo = {
            let mut file = ours(8_000);
            file[22] = 2;
            file[32] = 4;
            read(&file).unwrap()
        };
        assert!(!stereo.is_kept_as_it_is());
        assert_eq!(stereo.seconds(), Some(0));
        let packed = changed(20, &[0x31, 0]).unwrap();
        assert_eq!(packed.seconds(), None);
    }
}
