//! The master key: from its setting, else from a file that only its owner can read.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use embedded_postgres::EmbeddedError;
use eventstore::MasterKey;

const BYTES: usize = 32;
const HEX: usize = 2 * BYTES;

/// The reason why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// A file that others could have read.
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

    /// A file that holds something else.
    #[error("{} does not hold a master key: 32 bytes in hex or base64. Bring the right one back from a backup", .0.display())]
    Malformed(PathBuf),

    /// No file beside a database, whose key it held.
    #[error("{} is missing, and the database beside it was made with it; restore it from the backup", .0.display())]
    Missing(PathBuf),

    /// A data directory that cannot be made.
    #[error("LEDGERLINE_DATA_DIR: {0}")]
    DataDir(EmbeddedError),

    /// A file that cannot be read or made.
    #[error("The master key's file {} (in LEDGERLINE_DATA_DIR) cannot be used: {source}", .path.display())]
    File {
        /// The key's file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// The path of the key's file in a data directory.
pub fn file_in(data_dir: &Path) -> PathBuf {
    data_dir.join("master.key")
}

/// The key in an existing data directory, made there on the first call; beside a database it is
/// only read.
pub fn read_or_create(data_dir: &Path, has_database: bool) -> Result<MasterKey, MasterKeyError> {
    let path = file_in(data_dir);
    let failed = |source| MasterKeyError::File {
        path: path.clone(),
        source,
    };
    match File::open(&path) {
        Ok(file) => return read(&path, file),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
        Err(_) if has_database => return Err(MasterKeyError::Missing(path)),
        Err(_) => {}
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

/// Makes the key. The file is written whole under another name, then linked: the key is never half
/// there, and never replaced.
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

/// Parses 32 bytes in hex or base64 (either alphabet, padded or not).
pub fn parse(text: &str) -> Option<MasterKey> {
    decode(text.trim()).map(MasterKey::new)
}

fn decode(text: &str) -> Option<[u8; BYTES]> {
    use base64::{
        Engine, alphabet,
        engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    };
    let either =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let bytes = match text.len() {
        HEX => hex::decode(text).ok()?,
        _ => [alphabet::STANDARD, alphabet::URL_SAFE]
            .iter()
            .find_map(|letters| GeneralPurpose::new(letters, either).decode(text).ok())?,
    };
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use base64::{
        Engine,
        engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE},
    };

    use super::*;

    #[test]
    fn a_master_key_is_read_in_hex_and_base64_and_nothing_else() {
        let bytes: Vec<u8> = (200..232).collect();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        let spellings = [
            hex,
            STANDARD.encode(&bytes),
            STANDARD_NO_PAD.encode(&bytes),
            URL_SAFE.encode(&bytes),
        ];
        for text in spellings {
            assert_eq!(decode(&text).unwrap(), *bytes, "{text}");
            assert!(parse(&format!("{text}\n")).is_some());
            assert!(parse(&text[1..]).is_none());
            assert!(parse(&format!("{text}A")).is_none());
            assert!(parse(&format!("é{}", &text[2..])).is_none());
        }
        assert!(parse("").is_none());
        assert!(parse(&STANDARD.encode([1; 31])).is_none());
    }
}
