//! How to answer a request whose attempt did not live to do it.

use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{App, Result, answer::Answer};

/// How to answer a request that was carried out; stands in clear, so there are only ids in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Recipe {
    /// With this.
    Said(Value),
    /// With a row as it is now: its id column, as the read side names it, and the id.
    Row(String, i64),
}

impl Recipe {
    /// As it stands in the mark; nothing if it has no such form.
    pub fn text(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }
}

/// The answer, if the mark said how to make it and it can still be made.
pub(super) async fn prepare(app: &App, recipe: Option<String>) -> Result<Option<Response>> {
    let recipe = recipe.and_then(|text| serde_json::from_str(&text).ok());
    let answer = match recipe {
        Some(Recipe::Said(value)) => Some(Answer::of(&value)?),
        Some(Recipe::Row(column, id)) => Answer::present(app.pool(), &column, id).await?,
        None => None,
    };
    Ok(answer.map(IntoResponse::into_response))
}
