//! `/pbx/cdrs`: call detail records.

use domain::Id;
use projections::pbx::cdrs::CdrRow;

use crate::{
    Result,
    answer::Answer,
    authorization::{List, Noun, Owned, Read, Reader},
    extract::{Listing, Path},
    openapi::{Routes, op},
};

/// Call detail records: `cdr_…`. One belongs to the owner of its transmission.
pub(super) enum Cdr {}

impl Noun for Cdr {
    const NAME: &'static str = "cdr";
    const OWNED: Owned = Owned::ByUsers("cdr_admin");
}

pub(super) fn routes() -> Routes {
    Routes::crud::<CdrRow>("/pbx/cdrs", "cdr")
        .list(
            list,
            op("Lists call detail records").note(
                "Outbound calls, and the calls and faxes that came in, those of the sandbox \
                 included: a record is written when the call ends, and stays when the transmission \
                 is deleted. `before` and `after` are about that time.",
            ),
        )
        .read(read, op("Reads a call detail record"))
        .done()
}

async fn list(cdrs: Reader<Cdr, List>, listing: Listing<CdrRow>) -> Result<Answer> {
    cdrs.list(listing).await
}

async fn read(cdrs: Reader<Cdr, Read>, Path(id): Path<Id<Cdr>>) -> Result<Answer> {
    cdrs.find::<CdrRow>(id.get()).await
}
