//! The read model of models of phones.

use domain::{
    Event,
    pbx::{PhoneModelDetails, PhoneModelEvent},
};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::{IntoParams, ToSchema};

use super::record::RecordTable;
use crate::{
    View,
    reads::{By, Conditions},
};

/// A model of phones as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct PhoneModelRow {
    pub phone_model_id: i64,
    pub name: Option<String>,
    /// The manufacturer.
    pub vendor: Option<String>,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// The filter of a list of models of phones.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct PhoneModelFilter {
    pub phone_model_id: Option<i64>,
    pub name: Option<String>,
    pub vendor: Option<String>,
}

impl View for PhoneModelRow {
    type Filter = PhoneModelFilter;

    const COLUMNS: &'static str = "t.phone_model_id, t.name, t.vendor, t.created_position, \
        t.version";
    const FROM: &'static str = "from read.phone_models t";
    const ID: &'static str = "t.phone_model_id";
    const OWNER: Option<&'static str> = None;
    const SORTS: &'static [(&'static str, By)] = &[
        ("phone_model_id", By::Number("t.phone_model_id")),
        ("name", By::Text("lower(coalesce(t.name, ''))")),
        ("vendor", By::Text("lower(coalesce(t.vendor, ''))")),
    ];

    fn narrow(filter: &PhoneModelFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.phone_model_id", filter.phone_model_id);
        conditions.contains("t.name", &filter.name);
        conditions.contains("t.vendor", &filter.vendor);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// The projection that maintains `phone_models`.
pub struct PhoneModels;

impl RecordTable for PhoneModels {
    type Details = PhoneModelDetails;

    const TABLE: &'static str = "phone_models";
    const KEY: &'static str = "phone_model_id";

    fn event(event: &Event) -> Option<&PhoneModelEvent> {
        match event {
            Event::PhoneModel(event) => Some(event),
            _ => None,
        }
    }
}
