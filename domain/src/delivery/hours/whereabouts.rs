//! The time zone of a recipient.

use crate::{
    delivery::schedule::Zone,
    reference::{TimeZone, calling_code},
    values::PhoneNumber,
};

/// The time zone of a transmission's recipient: the contact's own, else that of the phone number's
/// country if all of it has one zone, else the account's, else the owner's, else UTC.
pub fn zone_of(
    contact: Option<&TimeZone>,
    number: Option<&PhoneNumber>,
    account: Option<&TimeZone>,
    owner: Option<&TimeZone>,
) -> Zone {
    let of_number = || calling_code(number?)?.zone?.parse().ok();
    contact
        .and_then(Zone::from_listed)
        .or_else(of_number)
        .or_else(|| account.and_then(Zone::from_listed))
        .or_else(|| owner.and_then(Zone::from_listed))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_that_is_known_counts() {
        let zone = |name: &str| name.parse::<TimeZone>().ok();
        let number = |text: &str| text.parse::<PhoneNumber>().ok();
        let (contact, account, owner) = (
            zone("Asia/Tokyo"),
            zone("America/Lima"),
            zone("Africa/Cairo"),
        );
        let (german, american) = (number("+49305550100"), number("+12125550100"));
        let cases = [
            (&contact, &german, &account, &owner, "Asia/Tokyo"),
            (&None, &german, &account, &owner, "Europe/Berlin"),
            (&None, &american, &account, &owner, "America/Lima"),
            (&None, &None, &account, &owner, "America/Lima"),
            (&None, &american, &None, &owner, "Africa/Cairo"),
            (&None, &american, &None, &None, "UTC"),
        ];
        for (contact, number, account, owner, expected) in cases {
            let zone = zone_of(
                contact.as_ref(),
                number.as_ref(),
                account.as_ref(),
                owner.as_ref(),
            );
            assert_eq!(zone.name(), expected);
        }
    }
}
