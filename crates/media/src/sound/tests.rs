use std::{collections::HashMap, time::Duration};

use super::*;
use crate::conversion::{Confinement, Conversions, Limits};

const MAX_SECONDS: u32 = 10;

/// A WAV file of ours with a tone.
fn tone(samples: usize) -> Vec<u8> {
    let mut file = wav::header(samples as u64).to_vec();
    for n in 0..samples {
        let value = ((n as f64 * 0.35).sin() * 12_000.0) as i16;
        file.extend(value.to_le_bytes());
    }
    file
}

/// A WAV file with a tone as 8-bit stereo at 16 kHz.
fn other_wav(frames: u32) -> Vec<u8> {
    let mut file = wav::header(u64::from(frames)).to_vec();
    file[22] = 2;
    file[24..28].copy_from_slice(&16_000_u32.to_le_bytes());
    file[32] = 2;
    file[34] = 8;
    for n in 0..frames {
        let value = ((f64::from(n) * 0.2).sin() * 100.0 + 128.0) as u8;
        file.extend([value, value]);
    }
    file
}

async fn room() -> Workroom {
    let limits = Limits {
        time: Duration::from_secs(180),
        ..Limits::default()
    };
    Conversions::find(limits, Confinement::none())
        .room(domain::Id::new(1))
        .unwrap()
}

async fn samples(bytes: &[u8]) -> Result<(u64, Vec<u8>), SoundError> {
    let mut room = room().await;
    tokio::fs::write(room.path("upload"), bytes).await.unwrap();
    let samples = Samples::read(&mut room, "upload", MAX_SECONDS).await?;
    let pieces: Vec<Bytes> = samples.bytes().await?.try_collect().await?;
    Ok((samples.count, pieces.concat()))
}

/// A WAV file converted to another format by SoX.
async fn encoded(wav: &[u8], kind: &str) -> Vec<u8> {
    let mut room = room().await;
    tokio::fs::write(room.path("in.wav"), wav).await.unwrap();
    let arguments = ["in.wav", "-r", "8000", "-c", "1", "-t", kind, "out"];
    let finished = room.run(Program::Sox, arguments).await.unwrap();
    assert!(
        finished.success(),
        "{}",
        String::from_utf8_lossy(&finished.stderr)
    );
    tokio::fs::read(room.path("out")).await.unwrap()
}

fn refused(result: Result<(u64, Vec<u8>), SoundError>) -> String {
    match result {
        Ok((samples, _)) => panic!("{samples} samples"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn our_own_kind_passes_as_it_is() {
    let file = tone(8_001);
    let (count, bytes) = samples(&file).await.unwrap();
    assert_eq!(count, 8_001);
    assert!(bytes == file[wav::HEADER..]);
}

#[tokio::test]
async fn every_kind_becomes_samples() {
    let (count, bytes) = samples(&other_wav(32_000)).await.unwrap();
    assert_eq!((count, bytes.len()), (16_000, 32_000));
    let file = tone(16_000);
    // Encoders work in blocks and pad the last one.
    for (kind, most_more) in [("mp3", 3_000), ("vorbis", 0), ("gsm", 160)] {
        let (count, bytes) = samples(&encoded(&file, kind).await).await.unwrap();
        let expected = 16_000..=16_000 + most_more;
        assert!(expected.contains(&count), "{kind}: {count} samples");
        let loudest = bytes
            .chunks_exact(2)
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
            .max();
        assert!(loudest > Some(8_000), "{kind}: {loudest:?}");
    }
}

#[tokio::test]
async fn a_broken_file_of_each_kind_is_refused() {
    let vorbis = encoded(&tone(16_000), "vorbis").await;
    let mut noise = vorbis.clone();
    for byte in &mut noise[60..] {
        *byte ^= 0x5a;
    }
    assert_eq!(refused(samples(&noise).await), "cannot be read as OGG");
    assert_eq!(
        refused(samples(&vorbis[..80]).await),
        "cannot be read as OGG"
    );
    let id3 = [&b"ID3\x04\0\0\x7f\x7f\x7f\x7f"[..], &[0x11; 3_000]].concat();
    let why = refused(samples(&id3).await);
    assert!(
        ["cannot be read as MP3", "has no sound"].contains(&why.as_str()),
        "{why}"
    );
    let float = {
        let mut file = tone(8_000);
        (file[20], file[32], file[34]) = (3, 3, 24);
        file
    };
    assert_eq!(refused(samples(&float).await), "cannot be read as WAV");
}

#[tokio::test]
async fn without_sox_there_is_wav_and_a_name_for_what_is_missing() {
    let without = Conversions::with(Limits::default(), Confinement::none(), HashMap::new());
    let mut room = without.room(domain::Id::new(1)).unwrap();
    let ogg = [&b"OggS\0\x02"[..], &[0; 22], b"\x01vorbis"].concat();
    tokio::fs::write(room.path("ogg"), ogg).await.unwrap();
    tokio::fs::write(room.path("wav"), tone(8)).await.unwrap();
    let refused = Samples::read(&mut room, "ogg", MAX_SECONDS).await;
    let Err(SoundError::Conversion(ConversionError::Missing(name))) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(name, "SoX (sox)");
    let samples = Samples::read(&mut room, "wav", MAX_SECONDS).await.unwrap();
    assert_eq!(samples.count, 8);
}

#[tokio::test]
async fn no_sound_is_longer_than_it_may_be() {
    let too_long = "plays longer than 10 seconds";
    assert_eq!(samples(&tone(80_000)).await.unwrap().0, 80_000);
    assert_eq!(refused(samples(&tone(80_001)).await), too_long);
    assert_eq!(refused(samples(&other_wav(16_000 * 12)).await), too_long);
    // Two hours of sound are small as GSM.
    let silence = encoded(&tone(80_800), "gsm").await;
    assert_eq!(refused(samples(&silence.repeat(800)).await), too_long);
}

#[tokio::test]
async fn a_file_of_two_recordings_plays_one_after_the_other() {
    let (one, two) = (tone(5), tone(7));
    let pieces = |file: &[u8], size: usize| {
        let pieces: Vec<_> = file.chunks(size).map(Bytes::copy_from_slice).collect();
        stream::iter(pieces.into_iter().map(Ok::<_, io::Error>))
    };
    for size in [1, 43, 44, 45, 1_000] {
        let both = samples_of(pieces(&one, size)).chain(samples_of(pieces(&two, size)));
        let whole: Vec<Bytes> = file(12, both).try_collect().await.unwrap();
        let expected = [&wav::header(12)[..], &one[44..], &two[44..]].concat();
        assert!(whole.concat() == expected, "{size}");
    }
}
