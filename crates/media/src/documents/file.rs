//! Files of a workroom, as they are read into memory.

use std::{
    io::{self, Read},
    path::Path,
};

use crate::conversion::open;

/// The whole file, if it is not larger than the bound on files in memory.
pub(super) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let file = open(path)?;
    file.take(super::MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= super::MOST_BYTES).then_some(bytes))
}
