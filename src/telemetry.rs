//! The log on standard error.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{LogConfig, LogFormat};

/// Starts logging. The filter was checked with the settings.
pub fn start(config: &LogConfig) {
    let filter = filter(&config.filter);
    let registry = tracing_subscriber::registry().with(filter);
    let ansi = std::io::stderr().is_terminal();
    let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(ansi);
    // Only the first call in a process counts; a second one changes nothing.
    let _ = match config.format {
        LogFormat::Human => registry.with(layer).try_init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    };
}

/// The HTML parser's own log holds the messages that go through it, at `debug`; a
/// filter has to name it to see that.
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
    fn what_messages_say_is_not_logged_unless_asked_for_by_name() {
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
