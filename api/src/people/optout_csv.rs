//! The do-not-contact list as CSV: export and import.

use std::{collections::BTreeMap, mem};

use axum::response::Response;
use cqrs_es::Aggregate as _;
use domain::{
    Id, Owner, Patch,
    people::{Address, Channel, OptOut, OptOutCommand, OptOutPatch, OptOutSource},
    values::Line,
};
use eventstore::Position;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use projections::people::optouts::OptOutRow;

use super::optout_listing::{Put, Wanted, put};
use crate::{
    Error, Result,
    authorization::{Create, List, Reader, Update, Writer},
    csv::{
        CSV, Columns, CsvBody, Layout, ParsedRow, Report, Rows, Table, answer, export, readable,
        refused_header, unguarded,
    },
    extract::Listing,
    openapi::{Routes, op},
};

/// The columns of a file without a header.
const COLUMNS: [&str; 3] = ["address", "channel", "reason"];
/// The columns of an export.
const EXPORTED: [&str; 4] = ["channel", "address", "reason", "source"];
/// The most bytes of an import: some 200,000 numbers.
const LIMIT: usize = 4 << 20;
/// The number of rows that are appended together.
const BATCH: usize = 500;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(
            "/optouts/csv",
            export_csv,
            op("Exports opt-outs")
                .note(
                    "With a header: channel, address, reason, source. What a spreadsheet would \
                     run as a formula has a ' in front.",
                )
                .file("text/csv"),
        )
        .post(
            "/optouts/csv",
            import_csv,
            op("Imports opt-outs")
                .note(
                    "Columns: address, channel, reason; a first row with the word `address` (or \
                     `phone`, or `email`) in it names them in another order, and other columns \
                     are left out. Only the address is required; the channel is any where the row \
                     does not say. A row whose address is listed already counts as updated, and \
                     changes the reason if it has one, which takes optout_update too. A bad row \
                     stops nothing. At most 4 MiB.",
                )
                .takes(CSV)
                .json::<Report>(),
        )
}

async fn export_csv(
    optouts: Reader<OptOut, List>,
    listing: Listing<OptOutRow>,
) -> Result<Response> {
    let header = stream::once(async { Ok(EXPORTED.map(str::to_owned)) });
    let rows = projections::list(optouts.pool(), listing.query, &optouts.scope());
    let rows = header.chain(rows.map_err(Error::from).map_ok(exported));
    export("optouts.csv", rows.boxed(), borrowed).await
}

fn borrowed(row: &[String; 4]) -> [&str; 4] {
    row.each_ref().map(String::as_str)
}

fn exported(row: OptOutRow) -> [String; 4] {
    let [address, reason] = [row.address, row.reason].map(Option::unwrap_or_default);
    [row.channel, address, reason, row.source]
}

async fn import_csv(optouts: Writer<OptOut, Create>, body: CsvBody) -> Result<Response> {
    let rows = body.rows(LIMIT)?;
    let mut import = Import {
        optouts,
        batch: Vec::new(),
        report: Report::default(),
        last: None,
    };
    let read = import.read(rows).await;
    // Rows that were read before an error are imported all the same.
    let flushed = import.flush().await;
    let app = import.optouts.caller().app();
    let done = read.and(flushed);
    answer(app, OptOut::TYPE, import.last, import.report, done).await
}

/// An import under way.
struct Import {
    optouts: Writer<OptOut, Create>,
    /// The rows that have been read, each with the line on which it begins.
    batch: Vec<(u64, Wanted)>,
    report: Report,
    last: Option<Position>,
}

impl Import {
    async fn read(&mut self, mut rows: Rows) -> Result<()> {
        let mut table = Table::<OptOutLayout>::default();
        while let Some(row) = rows.next().await? {
            let Some(ParsedRow { line, value, .. }) = table.read(row)? else {
                continue;
            };
            match value {
                Ok(wanted) => self.batch.push((line, wanted)),
                Err(reason) => self.report.reject(line, reason),
            }
            if self.batch.len() >= BATCH {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Appends the rows that have been read.
    async fn flush(&mut self) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let (lines, wanted): (Vec<u64>, Vec<Wanted>) =
            mem::take(&mut self.batch).into_iter().unzip();
        readable(self.optouts.caller().app(), OptOut::TYPE, self.last).await;
        self.optouts.must_still().await?;
        let (owner, source) = (self.optouts.owner()?, OptOutSource::Csv);
        let (puts, position) = put(&self.optouts, owner, source, &wanted, |_| None).await?;
        self.last = self.last.max(position);
        self.report.created += puts.iter().filter(|put| put.is_new).count() as u64;
        self.update(owner, &lines, &wanted, &puts).await
    }

    /// Counts the rows about existing opt-outs, and changes the reasons that they give.
    async fn update(
        &mut self,
        owner: Owner,
        lines: &[u64],
        wanted: &[Wanted],
        puts: &[Put],
    ) -> Result<()> {
        let caller = self.optouts.caller();
        let may_update = caller.may_in::<OptOut, Update>(owner.tenant);
        // Of several rows about the same opt-out the last one holds.
        let mut changes: BTreeMap<Id<OptOut>, (Vec<u64>, Line)> = BTreeMap::new();
        let rows = lines.iter().zip(wanted).zip(puts);
        for ((&line, wanted), put) in rows.filter(|(_, put)| !put.is_new) {
            match wanted.reason.clone() {
                None => self.report.updated += 1,
                Some(_) if !may_update => {
                    let reason = "is there already; permission optout_update is needed";
                    self.report.reject(line, reason);
                }
                Some(reason) => {
                    let (lines, latest) = changes
                        .entry(put.id)
                        .or_insert_with(|| (Vec::new(), reason.clone()));
                    lines.push(line);
                    *latest = reason;
                }
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        let (lines, updates): (Vec<_>, Vec<_>) = changes
            .into_iter()
            .map(|(id, (lines, reason))| {
                let reason = Patch::Set(reason);
                let patch = OptOutPatch {
                    reason,
                    ..OptOutPatch::default()
                };
                (lines, (id, OptOutCommand::Update(patch)))
            })
            .unzip();
        let metadata = self.optouts.metadata()?;
        let commands = self.optouts.commands();
        let answers = commands.send_many(updates, &metadata, Vec::new()).await?;
        for (lines, answer) in lines.into_iter().zip(answers) {
            match answer {
                Ok(committed) => {
                    self.report.updated += lines.len() as u64;
                    self.last = self.last.max(committed.position);
                }
                // Another request removed the opt-out just now.
                Err(refusal) => lines
                    .into_iter()
                    .for_each(|line| self.report.reject(line, refusal.to_string())),
            }
        }
        Ok(())
    }
}

/// The columns of a file of opt-outs.
struct OptOutLayout(Columns);

impl Default for OptOutLayout {
    fn default() -> Self {
        Self(Columns::in_order(COLUMNS.len()))
    }
}

/// True if a value may be meant for an address; no name of a column resembles one.
fn resembles_an_address(value: &str) -> bool {
    let digits = value.chars().filter(char::is_ascii_digit).count();
    value.contains('@') || digits >= 3
}

impl Layout for OptOutLayout {
    type Value = Wanted;

    /// A header has a word for an address among its values, and no address, since `email` is a
    /// channel as well.
    fn in_header(row: &[String]) -> Result<Option<Self>> {
        if row.iter().any(|value| resembles_an_address(value)) {
            return Ok(None);
        }
        let folded = |name: &String| match unguarded(name).trim().to_lowercase().as_str() {
            "address" | "phone" | "email" | "e-mail" => COLUMNS[0].to_owned(),
            other => other.to_owned(),
        };
        let names: Vec<String> = row.iter().map(folded).collect();
        if !names.iter().any(|name| name == COLUMNS[0]) {
            return Ok(None);
        }
        let columns = Columns::named(&names, &COLUMNS).map_err(refused_header)?;
        Ok(Some(Self(columns)))
    }

    /// The opt-out that a row asks for. All errors are reported at once.
    fn read(&self, row: &[String]) -> Result<Wanted, String> {
        let mut values = [""; COLUMNS.len()];
        for (column, value) in self.0.cells(row)? {
            values[column] = unguarded(value).trim();
        }
        let [address, channel, reason] = values;
        let address = match address {
            "" => Err("address: is required".to_owned()),
            text => text
                .parse::<Address>()
                .map_err(|error| format!("address: {error}")),
        };
        let channel = match channel.to_lowercase().as_str() {
            "" => Ok(Channel::Any),
            name => Channel::named(name)
                .ok_or_else(|| "channel: must be voice, fax, sms, email or any".to_owned()),
        };
        let reason = match reason {
            "" => Ok(None),
            text => text
                .parse::<Line>()
                .map(Some)
                .map_err(|error| format!("reason: {error}")),
        };
        match (address, channel, reason) {
            (Ok(address), Ok(channel), Ok(_)) if !channel.takes(&address) => {
                Err(format!("address: {}", channel.wanted()))
            }
            (Ok(address), Ok(channel), Ok(reason)) => Ok(Wanted {
                channel,
                address,
                reason,
            }),
            (address, channel, reason) => {
                let wrong = [address.err(), channel.err(), reason.err()];
                let wrong: Vec<String> = wrong.into_iter().flatten().collect();
                Err(wrong.join("; "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(row: &[&str]) -> Vec<String> {
        row.iter().map(|&value| value.to_owned()).collect()
    }

    fn read(row: &[&str]) -> Result<Wanted, String> {
        OptOutLayout::default().read(&owned(row))
    }

    #[test]
    fn an_address_alone_will_do() {
        let wanted = read(&["+1 555-0100"]).unwrap();
        assert_eq!(wanted.address.as_str(), "+15550100");
        assert_eq!((wanted.channel, wanted.reason), (Channel::Any, None));
    }

    #[test]
    fn all_that_is_wrong_with_a_row_is_said() {
        let wrong = read(&["x", "pigeon", "a\tb"]).map(drop).unwrap_err();
        for field in ["address: ", "; channel: ", "; reason: "] {
            assert!(wrong.contains(field), "{wrong}");
        }
        for (row, reason) in [
            (vec!["", "sms"], "address: is required"),
            (
                vec!["a@example.com", "sms"],
                "address: must be a phone number for this channel",
            ),
            (
                vec!["1", "", "", "x"],
                "has 4 columns, at most 3 are expected",
            ),
        ] {
            assert_eq!(read(&row).map(drop), Err(reason.to_owned()));
        }
    }

    #[test]
    fn an_address_beside_the_channel_of_that_name_is_no_header() {
        for row in [
            ["ada@example.com", "email", "wants no mail"],
            ["+15550100", "sms", "phone"],
        ] {
            let header = OptOutLayout::in_header(&owned(&row)).unwrap();
            assert!(header.is_none(), "{row:?}");
        }
    }

    #[test]
    fn a_header_is_known_by_its_word_for_an_address() {
        let header = owned(&["Channel", "E-Mail", "since"]);
        let layout = OptOutLayout::in_header(&header).unwrap().unwrap();
        let wanted = layout.read(&owned(&["EMAIL", "a@example.com", "2020"]));
        assert_eq!(wanted.unwrap().channel, Channel::Email);
        let row = owned(&["15550100", "sms"]);
        assert!(OptOutLayout::in_header(&row).unwrap().is_none());
        assert!(OptOutLayout::in_header(&owned(&["phone", "email"])).is_err());
    }
}
