//! The senders that an account's messages name, each with the account's right to it.

use chrono::{DateTime, Utc};

use super::{Account, AddressField};
use crate::{
    access::User,
    delivery::{SenderAddress, SenderRight},
    outreach::{SMS_SENDER, is_same_sender},
};

/// The terms on which an account may name senders.
#[derive(Clone, Copy, Debug)]
pub struct SenderTerms<'a> {
    /// True if accounts may use any sender that is written into them.
    pub trusted: bool,
    /// The user of the account, whose list has the senders of short messages.
    pub user: Option<&'a User>,
    /// The present time.
    pub at: DateTime<Utc>,
}

impl Account {
    /// The author of the account's mail.
    pub fn mail_sender(&self, terms: SenderTerms<'_>) -> Option<SenderAddress> {
        self.own(AddressField::Email, terms)
    }

    /// The caller id of the account's calls and faxes.
    pub fn caller_id(&self, terms: SenderTerms<'_>) -> Option<SenderAddress> {
        self.own(AddressField::Phone, terms)
    }

    /// The sender of the account's short messages: the setting, if it may be used, else the number.
    pub fn text_sender(&self, terms: SenderTerms<'_>) -> Option<SenderAddress> {
        let number = self.own(AddressField::Phone, terms);
        let Some(named) = self.setting(SMS_SENDER) else {
            return number;
        };
        let right = match (terms.trusted, self.may_text_as(named, terms)) {
            (true, _) => SenderRight::Trusted,
            (false, true) => SenderRight::Granted,
            (false, false) => SenderRight::Missing,
        };
        let named = SenderAddress {
            address: named.to_owned(),
            right,
        };
        match named.permitted() {
            Some(_) => Some(named),
            None => number.filter(|it| it.permitted().is_some()).or(Some(named)),
        }
    }

    /// True if the account's short messages may come from this number or name: its own number, if
    /// it may send as that, or a sender in the list of its user.
    pub fn may_text_as(&self, sender: &str, terms: SenderTerms<'_>) -> bool {
        let own = self.address(AddressField::Phone);
        let is_own = own.is_some_and(|own| is_same_sender(own, sender));
        let listed = |user: &User| user.sms_senders().allow(sender, terms.at);
        (is_own && self.may_send_as(AddressField::Phone, terms.at))
            || terms.user.is_some_and(listed)
    }

    fn own(&self, field: AddressField, terms: SenderTerms<'_>) -> Option<SenderAddress> {
        let right = match (terms.trusted, self.may_send_as(field, terms.at)) {
            (true, _) => SenderRight::Trusted,
            (false, true) => SenderRight::Granted,
            (false, false) => SenderRight::Missing,
        };
        let address = self.address(field)?.to_owned();
        Some(SenderAddress { address, right })
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::Aggregate;

    use super::*;
    use crate::{
        Id, Personal,
        access::UserEvent,
        people::{AccountEvent, AccountKind, AccountProfile},
    };

    const DESK: Id<Account> = Id::new(3);
    const USER: Id<User> = Id::new(1);

    /// An account with a number and this `sms_sender` setting.
    fn account(sms_sender: &str) -> Account {
        let profile = AccountProfile {
            phone: "+4930123".parse().ok(),
            ..AccountProfile::default()
        };
        let mut account = Account::default();
        account.apply(AccountEvent::AccountCreated {
            id: DESK,
            owner: crate::Owner::in_first_tenant(USER),
            kind: AccountKind::Account,
            active: true,
            profile: Personal::new(DESK.subject(), profile),
        });
        account.apply(AccountEvent::AccountSettingSet {
            name: SMS_SENDER.to_owned(),
            value: Personal::new(DESK.subject(), sms_sender.to_owned()),
        });
        account
    }

    fn assigned(mut account: Account) -> Account {
        account.apply(AccountEvent::AccountAddressAssigned {
            field: AddressField::Phone,
            fingerprint: "f".to_owned(),
            receives: false,
        });
        account
    }

    fn listing(name: &str) -> User {
        let mut user = User::default();
        user.apply(UserEvent::UserSmsSendersListed {
            names: Personal::new(USER.subject(), vec![name.to_owned()]),
        });
        user
    }

    fn sender(account: &Account, trusted: bool, user: Option<&User>) -> (String, SenderRight) {
        let at = DateTime::from_timestamp(0, 0).unwrap();
        let terms = SenderTerms { trusted, user, at };
        let sender = account.text_sender(terms).unwrap();
        (sender.address, sender.right)
    }

    #[test]
    fn a_text_comes_from_the_name_that_is_listed_else_the_number() {
        use SenderRight::{Granted, Missing, Trusted};
        let (bank, number) = ("BANK".to_owned(), "+4930123".to_owned());
        let (unproven, proven) = (account("BANK"), assigned(account("BANK")));
        let (listed, other) = (listing("BANK"), listing("Bank"));
        assert_eq!(sender(&unproven, true, None), (bank.clone(), Trusted));
        assert_eq!(
            sender(&unproven, false, Some(&listed)),
            (bank.clone(), Granted)
        );
        assert_eq!(
            sender(&proven, false, Some(&listed)),
            (bank.clone(), Granted)
        );
        assert_eq!(sender(&proven, false, Some(&other)), (number, Granted));
        assert_eq!(sender(&unproven, false, Some(&other)), (bank, Missing));
    }

    #[test]
    fn its_own_number_needs_a_right_and_no_list() {
        let spelt = "004930123";
        let (unproven, proven) = (account(spelt), assigned(account(spelt)));
        assert_eq!(sender(&proven, false, None).1, SenderRight::Granted);
        assert_eq!(sender(&unproven, false, None).1, SenderRight::Missing);
        let listed = listing("+4930123");
        assert_eq!(
            sender(&unproven, false, Some(&listed)).1,
            SenderRight::Granted
        );
    }
}
