//! `ledgerline rebuild`

use std::io::{IsTerminal, Write};

use clap::Args;

use crate::{config::Config, database};

/// Build read models anew, beside the running server.
#[derive(Debug, Args)]
pub struct Rebuild {
    /// Which one; all of them if none is named.
    name: Option<String>,
}

impl Rebuild {
    /// Rebuilds one after the other.
    pub async fn run(self, config: &Config) -> anyhow::Result<()> {
        let store = database::store(config).await?;
        let known: Vec<&str> = projections::all()
            .iter()
            .filter(|projection| !projection.makes_work())
            .map(|projection| projection.name())
            .collect();
        let names = match &self.name {
            Some(name) if known.contains(&name.as_str()) => vec![name.as_str()],
            Some(name) => {
                anyhow::bail!(
                    "there is no read model {name}; there are: {}",
                    known.join(", ")
                )
            }
            None => known,
        };
        for name in names {
            let started = std::time::Instant::now();
            let mut events = 0;
            let draw = std::io::stderr().is_terminal();
            projections::rebuild::rebuild(store.log(), name, |done, head| {
                events = done;
                if draw {
                    eprint!("\r{name}: {done} of {head}");
                    let _ = std::io::stderr().flush();
                }
            })
            .await?;
            if draw {
                eprintln!();
            }
            let seconds = started.elapsed().as_secs_f64();
            println!("{name}: rebuilt up to position {events} in {seconds:.1} s");
        }
        Ok(())
    }
}
