//! Sound files, and how much sound is in one.

use std::{fs, process::Command};

use crate::harness::scratch_dir;

/// A WAV file of 16-bit samples of a tone.
pub fn wav(rate: u32, channels: u16, frames: u32) -> Vec<u8> {
    let bytes = frames * u32::from(channels) * 2;
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((bytes + 36).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * u32::from(channels) * 2).to_le_bytes());
    file.extend((channels * 2).to_le_bytes());
    file.extend(16_u16.to_le_bytes());
    file.extend(b"data");
    file.extend(bytes.to_le_bytes());
    for frame in 0..frames {
        let angle = f64::from(frame) * 2764.0 / f64::from(rate);
        let value = (angle.sin() * 12_000.0) as i16;
        (0..channels).for_each(|_| file.extend(value.to_le_bytes()));
    }
    file
}

/// A WAV file converted to another format.
pub fn encoded(wav: &[u8], kind: &str) -> Vec<u8> {
    let folder = scratch_dir("sound");
    fs::write(folder.join("in.wav"), wav).unwrap();
    let sox = Command::new("sox")
        .args(["in.wav", "-r", "8000", "-c", "1", "-t", kind, "out"])
        .current_dir(&folder)
        .output();
    let sox = sox.expect("sox is missing: install sox, libsox-fmt-base and libsox-fmt-mp3");
    assert!(sox.status.success(), "{sox:?}");
    let bytes = fs::read(folder.join("out")).unwrap();
    fs::remove_dir_all(folder).unwrap();
    bytes
}

/// The number of samples of a WAV file, which must have 16 bits, 8 kHz and one channel.
pub fn samples(file: &[u8]) -> usize {
    assert_eq!(&file[..4], b"RIFF");
    assert_eq!(file[8..36], wav(8_000, 1, 0)[8..36], "the format");
    let said = u32::from_le_bytes(file[40..44].try_into().unwrap());
    assert_eq!(said as usize, file.len() - 44);
    (file.len() - 44) / 2
}
