//! Confinement of programs to their folder: no network, no other files, no other processes.
//!
//! Bubblewrap confines them in namespaces of the kernel. If it is not installed or may not
//! create namespaces, as in many containers, Landlock and seccomp confine them, which this
//! program enters by its own hidden command `confined`.

mod visible;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use self::visible::Visible;
use super::{
    Limits,
    folder::Folder,
    program::{self, Chain, Program, Wrappers},
    running::Running,
};

/// Time limit for the probe of a confinement at the start.
const PROBE: Duration = Duration::from_secs(20);
/// The path at which a program in bubblewrap finds its folder.
const INSIDE: &str = "/tmp";

/// The policy on confining programs that convert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConfinementPolicy {
    /// Programs are confined if possible; otherwise they run unconfined, with a warning in the log.
    #[default]
    Auto,
    /// Programs are always confined; if that is impossible, conversions are refused.
    Required,
    /// Programs are never confined.
    Off,
}

impl FromStr for ConfinementPolicy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "auto" => Ok(Self::Auto),
            "required" => Ok(Self::Required),
            "off" => Ok(Self::Off),
            _ => Err(()),
        }
    }
}

/// The configuration of the confinement.
#[derive(Clone, Debug, Default)]
pub struct ConfinementConfig {
    /// The policy.
    pub policy: ConfinementPolicy,
    /// The path of this program, whose command `confined` restricts itself and executes another.
    pub helper: Option<PathBuf>,
    /// Files and folders that no confined program may see, even in folders that it sees.
    pub hidden: Vec<PathBuf>,
}

/// The method of confinement that works on this machine, if any.
#[derive(Clone, Debug)]
pub struct Confinement {
    way: Way,
    is_required: bool,
    hidden: Vec<PathBuf>,
}

#[derive(Clone, Debug)]
enum Way {
    Bubblewrap(PathBuf),
    Landlock(PathBuf),
    Unconfined,
}

impl Confinement {
    /// No confinement; programs run unconfined.
    pub fn none() -> Self {
        Self {
            way: Way::Unconfined,
            is_required: false,
            hidden: Vec::new(),
        }
    }

    /// Probes bubblewrap and then Landlock, and takes the first that works.
    pub async fn find(config: ConfinementConfig) -> Self {
        let canonical = |path: PathBuf| path.canonicalize().ok();
        let mut confinement = Self {
            is_required: config.policy == ConfinementPolicy::Required,
            hidden: config.hidden.into_iter().filter_map(canonical).collect(),
            ..Self::none()
        };
        if config.policy == ConfinementPolicy::Off {
            tracing::warn!("conversions are not confined: LEDGERLINE_CONFINEMENT is off");
            return confinement;
        }
        let bubblewrap = program::on_path("bwrap").map(Way::Bubblewrap);
        let landlock = config.helper.map(Way::Landlock);
        for way in [bubblewrap, landlock].into_iter().flatten() {
            confinement.way = way;
            match confinement.probe().await {
                Ok(()) => {
                    tracing::info!(by = confinement.name(), "conversions are confined");
                    return confinement;
                }
                Err(reason) => {
                    let by = confinement.name();
                    tracing::warn!(by, reason, "conversions cannot be confined this way");
                }
            }
        }
        confinement.way = Way::Unconfined;
        if confinement.is_required {
            tracing::error!("conversions are refused: they cannot be confined here")
        } else {
            tracing::warn!("conversions are not confined: install bubblewrap")
        }
        confinement
    }

    /// The method's name, as `/readyz` shows it.
    pub fn name(&self) -> &'static str {
        match self.way {
            Way::Bubblewrap(_) => "bubblewrap",
            Way::Landlock(_) => "landlock",
            Way::Unconfined => "none",
        }
    }

    /// True if conversions are refused because they cannot be confined.
    pub(super) fn refuses(&self) -> bool {
        self.is_required && matches!(self.way, Way::Unconfined)
    }

    /// True if this program can run under the confinement. LibreOffice cannot under Landlock: it
    /// needs sockets in its own folder.
    pub(super) fn suits(&self, program: Program) -> bool {
        program != Program::LibreOffice || !matches!(self.way, Way::Landlock(_))
    }

    /// The path at which a program finds its folder.
    pub(super) fn inside<'f>(&self, folder: &'f Path) -> &'f Path {
        match self.way {
            Way::Bubblewrap(_) => Path::new(INSIDE),
            Way::Landlock(_) | Way::Unconfined => folder,
        }
    }

    /// The signal that ended a program, if bubblewrap reports it in its own exit status.
    pub(super) fn signal_of(&self, code: i32) -> Option<i32> {
        let signal = code - 128;
        (matches!(self.way, Way::Bubblewrap(_)) && signal > 0).then_some(signal)
    }

    /// True if bubblewrap itself failed, so that the program was not started.
    pub(super) fn failed(&self, code: i32, stderr: &[u8]) -> bool {
        matches!(self.way, Way::Bubblewrap(_)) && code == 1 && stderr.starts_with(b"bwrap: ")
    }

    /// The words of a command line that runs the chain's program, confined to a folder.
    pub(super) fn wrap(&self, chain: &Chain<'_>, folder: &Path) -> Vec<OsString> {
        let visible = || Visible::to(&chain.programs(), &self.hidden);
        let mut words: Vec<OsString> = Vec::new();
        match &self.way {
            Way::Bubblewrap(bwrap) => {
                words.extend(chain.dies_with_parent(&[]));
                words.push(bwrap.into());
                words.extend(visible().for_bubblewrap(folder, Path::new(INSIDE)));
                words.push("--".into());
            }
            Way::Landlock(helper) => {
                words.extend(chain.dies_with_parent(&["--no-new-privs"]));
                words.push(helper.into());
                words.push("confined".into());
                words.extend(visible().for_landlock(folder));
                words.push("--".into());
                if nix::unistd::geteuid().is_root() {
                    words.extend(chain.without_capabilities());
                }
            }
            Way::Unconfined => words.extend(chain.dies_with_parent(&["--no-new-privs"])),
        }
        words.extend(chain.limited());
        words
    }

    /// Runs a program that does nothing, to test the method.
    async fn probe(&self) -> Result<(), String> {
        let wrappers = Wrappers::find().ok_or(Wrappers::NAMES)?;
        let folder = Folder::make().map_err(|error| error.to_string())?;
        let nothing = wrappers.nothing();
        let limits = Limits::default();
        let chain = wrappers.chain(&nothing, PROBE, &limits);
        let command = program::command(self.wrap(&chain, folder.path()));
        let running = command
            .and_then(|mut command| {
                command.arg("--version");
                Running::start(command, folder.path(), self.inside(folder.path()))
            })
            .map_err(|error| error.to_string())?;
        let stop = CancellationToken::new();
        match running.finish(PROBE, &stop).await {
            Ok(Some(finished)) if finished.success() => Ok(()),
            Ok(Some(finished)) => {
                let said = String::from_utf8_lossy(&finished.stderr);
                Err(said.lines().next().unwrap_or("it failed").to_owned())
            }
            Ok(None) => Err("it took too long".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}
