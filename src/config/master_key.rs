//! The master key: from its setting, else from a file that only its owner can read.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use eventstore::MasterKey;

const BYTES: usize = 32;

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Others could have read it.
    #[error(
        "The master key in {} can be read by others (mode {mode:o}). Make it private with: chmod 600 {}",
        .path.display(), .path.display()
    )]
    Exposed {
        /// The key's file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },

    /// The file holds something else.
    #[error("{} does not hold a master key: 32 bytes in hex or base64. Bring the right one back from a backup", .0.display())]
    Malformed(PathBuf),

    /// It cannot be read or made.
    #[error("The master key's file {} cannot be used: {source}", .path.display())]
    File {
        /// The key's file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// Where a data directory keeps the key.
pub fn file_in(data_dir: &Path) -> PathBuf {
    data_dir.join("master.key")
}

/// The key kept in an existing data directory, made there on the first call.
pub fn read_or_create(data_dir: &Path) -> Result<MasterKey, MasterKeyError> {
    let path = file_in(data_dir);
    let failed = |source| MasterKeyError::File {
        path: path.clone(),
        source,
    };
    match File::open(&path) {
        Ok(file) => return read(&path, file),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    create(data_dir, &path).map_err(failed)?;
    read(&path, File::open(&path).map_err(failed)?)
}

fn read(path: &Path, file: File) -> Result<MasterKey, MasterKeyError> {
    let failed = |source| MasterKeyError::File {
        path: path.to_owned(),
        source,
    };
    let mode = file.metadata().map_err(failed)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(MasterKeyError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let text = io::read_to_string(file).map_err(failed)?;
    parse(&text).ok_or_else(|| MasterKeyError::Malformed(path.to_owned()))
}

/// Written whole under another name, then linked: the key is never half there, and never replaced.
fn create(data_dir: &Path, path: &Path) -> io::Result<()> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();

    let unfinished = data_dir.join(format!("master.key.{}", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)?;
    let linked = writeln!(file, "{hex}")
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&unfinished, path))
        .and_then(|()| File::open(data_dir)?.sync_all());
    fs::remove_file(&unfinished)?;
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    }
}

/// 32 bytes in hex or base64 (either alphabet, padded or not).
pub fn parse(text: &str) -> Option<MasterKey> {
    decode(text.trim()).map(MasterKey::new)
}

pub(super) fn decode(text: &str) -> Option<[u8; BYTES]> {
    let bytes = if text.len() == 2 * BYTES { from_hex(text)? } else { from_base64(text)? };
    bytes.try_into().ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    text.as_bytes()
        .chunks(2)
        .map(|pair| Some(digit(pair.first()?)? << 4 | digit(pair.get(1)?)?))
        .collect()
}

/// Six bits a letter; what does not fill a byte has to be zero, so that a key has one spelling.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_suffix('=').unwrap_or(text);
    let (mut bytes, mut held, mut bits) = (Vec::with_capacity(BYTES), 0_u32, 0);
    for letter in text.bytes() {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits).ok()?);
            held &= (1 << bits) - 1;
        }
    }
    (held == 0).then_some(bytes)
}
