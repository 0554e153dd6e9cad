//! Programs that peers of tests are written for.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The Python that `./dev test` prepares, with the packages that the Python peers need.
pub fn python() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chosen = env::var_os("LEDGERLINE_TEST_PYTHON").map(PathBuf::from);
    let python = chosen.unwrap_or_else(|| here.join("../../target/dev/venv/bin/python"));
    assert!(
        python.exists(),
        "the peers in Python are missing: no {}; run ./dev test, or set LEDGERLINE_TEST_PYTHON",
        python.display()
    );
    python
}
