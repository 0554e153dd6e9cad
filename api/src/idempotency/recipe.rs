//! Recipes: answering a request whose attempt was carried out but did not live to answer.

use axum::response::{IntoResponse, Response};
use domain::Scope;
use projections::View;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{App, Result, answer::Answer};

/// The recipe for the answer to a request that was carried out; stored in clear, so it holds only
/// ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Recipe {
    /// This value; stored under its earlier name.
    #[serde(rename = "said")]
    Body(Value),
    /// The present state of a row: the name of its view, and the id.
    Row(String, i64),
}

impl Recipe {
    /// The recipe for a row's present state.
    pub fn row<V: View>(id: i64) -> Self {
        Self::Row(V::NAME.to_owned(), id)
    }

    /// The text of the recipe for the mark; `None` if it cannot be written as JSON.
    pub fn text(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }
}

/// The answer, if the mark has a recipe for it and it can still be made: of a row, if it is within
/// all of these scopes.
pub(super) async fn prepare(
    app: &App,
    recipe: Option<String>,
    scopes: Vec<Scope>,
) -> Result<Option<Response>> {
    let recipe = recipe.and_then(|text| serde_json::from_str(&text).ok());
    let answer = match recipe {
        Some(Recipe::Body(value)) => Some(Answer::from_value(&value)?),
        Some(Recipe::Row(view, id)) => Answer::present(app.pool(), &view, id, scopes).await?,
        None => None,
    };
    Ok(answer.map(IntoResponse::into_response))
}
