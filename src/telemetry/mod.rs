//! The log on standard error, which never holds up the process, and the metrics.

mod lines;

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::{self, IsTerminal},
    os::fd::AsFd,
    panic::PanicHookInfo,
    time::Duration,
};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use self::lines::Lines;
use crate::config::{LogConfig, LogFormat};

/// The longest wait for the last lines at the end of the process.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Interval at which recorded samples are folded into the metrics.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// The log of this process.
pub struct Log(Lines);

impl Log {
    /// Writes the lines that are left, as far as they are read, and this text after them.
    pub fn finish(self, text: Option<&str>) {
        if let Some(text) = text {
            self.0.push(text.as_bytes());
        }
        self.0.flush_within(LAST_LINES);
    }
}

/// Starts logging. The filter was checked with the settings.
pub fn start(config: &LogConfig) -> io::Result<Log> {
    let stderr = io::stderr();
    let lines = Lines::to(stderr.as_fd())?;
    let filter = filter(&config.filter);
    let registry = tracing_subscriber::registry().with(filter);
    let writer = lines.clone();
    let layer = fmt::layer()
        .with_writer(move || writer.clone())
        .with_ansi(stderr.is_terminal());
    // Only the first call in a process counts; later calls change nothing.
    let _ = match config.format {
        LogFormat::Human => registry.with(layer).try_init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    };
    // The standard library's hook writes to standard error itself, and waits for it.
    std::panic::set_hook(Box::new(log_panic));
    Ok(Log(lines))
}

/// Installs the metrics recorder. Histograms have buckets, so that one that is not scraped does not
/// grow.
pub fn metrics() -> anyhow::Result<PrometheusHandle> {
    const SECONDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 10.0];
    const MEMBERS: [f64; 6] = [1.0, 4.0, 16.0, 64.0, 128.0, 256.0];
    let handle = PrometheusBuilder::new()
        .set_buckets(&SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_members".to_owned()), &MEMBERS)?
        .install_recorder()?;
    metrics::counter!(lines::DROPPED).increment(0);
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(METRICS_UPKEEP).await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
    let backtrace = backtrace.as_ref().map(tracing::field::display);
    tracing::error!(%panic, backtrace, "a thread panicked");
}

/// The filter of the log. The HTML parser logs the messages that go through it, at `debug`; they
/// are shown only if the filter names it.
fn filter(wanted: &str) -> EnvFilter {
    const PARSER: &str = "html5ever";
    let filter = EnvFilter::new(wanted);
    match format!("{PARSER}=warn").parse() {
        Ok(quiet) if !wanted.contains(PARSER) => filter.add_directive(quiet),
        _ => filter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_texts_are_logged_only_on_demand() {
        assert!(filter("debug").to_string().contains("html5ever=warn"));
        assert!(
            filter("trace,sqlx=info")
                .to_string()
                .contains("html5ever=warn")
        );
        assert!(
            !filter("info,html5ever=debug")
                .to_string()
                .contains("html5ever=warn")
        );
    }
}
