//! `ledgerline rebuild`

use std::io::IsTerminal;

use clap::Args;

use crate::{config::Config, database, output};

/// Build read models anew, beside the running server.
#[derive(Debug, Args)]
pub struct Rebuild {
    /// The read model; all of them if none is named.
    name: Option<String>,
}

impl Rebuild {
    /// Rebuilds the read models, one after the other.
    pub async fn run(self, config: &Config) -> anyhow::Result<()> {
        let store = database::store(config).await?;
        let known: Vec<&str> = projections::all()
            .iter()
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
                    output::note(format_args!("\r{name}: {done} of {head}"));
                }
            })
            .await?;
            if draw {
                output::note("\n");
            }
            let seconds = started.elapsed().as_secs_f64();
            output::print(format_args!(
                "{name}: rebuilt up to position {events} in {seconds:.1} s"
            ))?;
        }
        Ok(())
    }
}
