//! How fast the adapter alone is. Measures, asserts nothing:
//! `cargo test --release -p ledgerline-gateways -- --ignored --nocapture pace`.

use std::{sync::Arc, time::Instant};

use domain::delivery::{Outcome, settings::Tls};

use super::{config, email, gateway, peers::Sink, send};
use crate::smtp::SmtpConfig;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn pace_of_mails_to_smtp_sink() {
    for (flags, connections) in [(&[][..], 1), (&[], 8), (&[], 32), (&["-p"], 8)] {
        let sink = Sink::start(flags);
        let config = SmtpConfig {
            connections,
            tls: Tls::None,
            ..config(sink.port)
        };
        let gateway = Arc::new(gateway(config));
        let mails = 20_000;
        let begun = Instant::now();
        let senders: Vec<_> = (0..connections)
            .map(|_| {
                let gateway = gateway.clone();
                tokio::spawn(async move {
                    for _ in 0..mails / connections {
                        let report = send(&gateway, "ada@example.com", email()).await;
                        assert_eq!(report.outcome, Outcome::Delivered, "{}", report.response);
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.await.unwrap();
        }
        let pace = mails as f64 / begun.elapsed().as_secs_f64();
        println!("{connections:>2} connections, smtp-sink {flags:?}: {pace:.0} mails/s");
    }
}
