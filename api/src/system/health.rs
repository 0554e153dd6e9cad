//! The health of a process, shown without a login.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing,
};
use dispatch::queue;
use eventstore::subscriber::{HighWaterMarks, SubscriberStatus};
use metrics_exporter_prometheus::PrometheusHandle;
use projections::{access::user_senders, people::accounts};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    App, Gateways,
    openapi::{Routes, Shape, op},
};

/// Time limit of the database's answer.
const QUERY_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(
            "/healthz",
            healthz,
            op("Liveness of the process").fields(&[("status", Shape::Text)]),
        )
        .get(
            "/readyz",
            readyz,
            op("Readiness, and the state of its parts").fields(&[("status", Shape::Text)]),
        )
        .get(
            "/metrics",
            metrics,
            op("Metrics for Prometheus").file("text/plain"),
        )
}

/// The health of a process, even if it serves nothing else.
#[derive(Clone)]
pub struct Health {
    /// The positions of the log's subscribers.
    pub high_water_marks: HighWaterMarks,
    /// The connections for reading.
    pub pool: PgPool,
    /// The part of `/readyz` about gateways.
    pub gateways: Gateways,
    /// The metrics of `/metrics`.
    pub metrics: PrometheusHandle,
    /// The name of this installation in `/readyz`.
    pub company: String,
    /// The confinement of conversions, where this process converts.
    pub confinement: Option<&'static str>,
}

impl Health {
    /// `/healthz`, `/readyz` and `/metrics`, for a listener of their own.
    pub fn router(self) -> Router {
        Router::new()
            .route("/healthz", routing::get(healthz))
            .route(
                "/readyz",
                routing::get(|State(health): State<Self>| async move { health.ready().await }),
            )
            .route(
                "/metrics",
                routing::get(|State(health): State<Self>| async move { health.rendered() }),
            )
            .with_state(self)
    }
}

async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

async fn readyz(State(app): State<App>) -> Response {
    app.health().ready().await
}

async fn metrics(State(app): State<App>) -> Response {
    app.health().rendered()
}

impl Health {
    /// The answer to `/readyz`: 503 only without a database, before migration or while a
    /// subscriber is stopped. Gateways that are down are shown, and are no reason to take the API
    /// away.
    async fn ready(&self) -> Response {
        let asked = async {
            let (lag, depth, provisional, senders) = tokio::join!(
                self.high_water_marks.lag(),
                queue::depth(&self.pool, eventstore::clock::now()),
                accounts::provisional(&self.pool, 0),
                user_senders::provisional_senders(&self.pool, eventstore::clock::now(), 0),
            );
            Some((lag.ok()?, depth.ok()?, provisional.ok()?, senders.ok()?))
        };
        let known = tokio::time::timeout(QUERY_TIMEOUT, asked).await;
        let Ok(Some((lag, depth, provisional, senders))) = known else {
            let body = json!({ "status": "unavailable", "database": "does not answer" });
            return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
        };
        let stopped = lag.iter().any(|projection| projection.stopped.is_some());
        let (status, word) = if stopped {
            (StatusCode::SERVICE_UNAVAILABLE, "stopped")
        } else {
            (StatusCode::OK, "ready")
        };
        let worst =
            |lag_of: fn(&SubscriberStatus) -> f64| lag.iter().map(lag_of).fold(0.0, f64::max);
        let body = json!({
            "status": word,
            "company": &self.company,
            "database": "ok",
            "lag_events": lag.iter().map(|projection| projection.lag_events).max().unwrap_or(0),
            "lag_seconds": worst(|projection| projection.lag_seconds),
            "projections": lag.iter().map(projection).collect::<Vec<_>>(),
            "queue": {
                "ready": depth.ready,
                "waiting": depth.waiting,
                "claimed": depth.claimed,
                "more": depth.more,
            },
            "provisional_addresses": {
                "accounts": provisional.count,
                "until": provisional.until.map(|until| until.timestamp()),
            },
            "provisional_senders": {
                "users": senders.count,
                "until": senders.until.map(|until| until.timestamp()),
            },
            "conversions": { "confinement": self.confinement },
            "gateways": (self.gateways)(),
        });
        (status, Json(body)).into_response()
    }

    fn rendered(&self) -> Response {
        let kind = "text/plain; version=0.0.4; charset=utf-8";
        ([(header::CONTENT_TYPE, kind)], self.metrics.render()).into_response()
    }
}

fn projection(status: &SubscriberStatus) -> Value {
    // The position of the stop is shown; its cause may quote personal data.
    json!({
        "name": status.name,
        "position": status.position,
        "lag_events": status.lag_events,
        "lag_seconds": status.lag_seconds,
        "leader": status.leader,
        "stopped_at": status.stopped.as_ref().map(|stopped| stopped.position),
    })
}
