use super::{Landing::*, *};

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn ada() -> Tokens {
    Tokens {
        contact: Person {
            first_name: some("Ada"),
            last_name: some("Lovelace"),
            phone: some("+4401"),
            email: some("ada@example.com"),
            custom1: some("one"),
            ..Person::default()
        },
        account: Person {
            phone: some("0300"),
            username: some("desk"),
            ..Person::default()
        },
        user: Person {
            username: some("admin"),
            email: some("root@example.com"),
            ..Person::default()
        },
        title: some("Spring"),
        program_name: some("news"),
        company_name: some("Ledger & Sons"),
        results: BTreeMap::from([("input".to_owned(), "42".to_owned())]),
        ..Tokens::default()
    }
}

fn first_name(value: &str) -> Tokens {
    Tokens {
        contact: Person {
            first_name: some(value),
            ..Person::default()
        },
        ..Tokens::default()
    }
}

#[test]
fn every_documented_token_is_filled() {
    for (text, value) in [
        ("[transmission:contact:first_name]", "Ada"),
        ("[contact:first_name]", "Ada"),
        ("[contact:last_name]", "Lovelace"),
        ("[contact:custom1]", "one"),
        ("[transmission:destination:phone]", "+4401"),
        ("[destination:email]", "ada@example.com"),
        ("[transmission:account:phone]", "0300"),
        ("[account:phone]", "0300"),
        ("[account:username]", "desk"),
        ("[source:phone]", "0300"),
        ("[transmission:source:phone]", "0300"),
        ("[transmission:title]", "Spring"),
        ("[program:name]", "news"),
        ("[user:username]", "admin"),
        ("[user:email]", "root@example.com"),
        ("[company:name]", "Ledger & Sons"),
        ("[result:input:data]", "42"),
    ] {
        assert_eq!(fill(text, &ada(), Plain), value, "{text}");
        assert_eq!(
            fill(&format!("a{text}é{text}"), &ada(), Plain),
            format!("a{value}é{value}")
        );
    }
}

#[test]
fn a_known_token_without_a_value_is_empty() {
    let text =
        "<[contact:address]|[result:nothing:data]|[transmission:title]|[contact:description]>";
    assert_eq!(fill(text, &Tokens::default(), Plain), "<|||>");
}

#[test]
fn what_is_no_token_stays_as_it_is() {
    for text in [
        "",
        "[]",
        "[",
        "]",
        "][",
        "[[",
        "[contact]",
        "[contact:]",
        "[contact:first_name",
        "contact:first_name]",
        "[contact: first_name]",
        "[Contact:first_name]",
        "[contact:first_name:x]",
        "[contact:username]",
        "[contact:password]",
        "[user:passwd]",
        "[user:password]",
        "[account:passwd]",
        "[account:passwd_pin]",
        "[provider:password]",
        "[transmission:user:username]",
        "[transmission:program:name]",
        "[transmission:transmission:title]",
        "[title]",
        "[result:data]",
        "[result::data]",
        "[result:a:b:data]",
        "[result:input]",
        "[config:database:password]",
        "[if mso]",
        "<!--[if mso]><p>é</p><![endif]-->",
        "array[0] = \"[é]\"",
    ] {
        assert_eq!(fill(text, &ada(), Html), text);
    }
}

#[test]
fn destination_and_source_may_differ_from_contact_and_account() {
    let tokens = Tokens {
        destination: Some(Person {
            phone: some("1"),
            ..Person::default()
        }),
        source: Some(Person {
            phone: some("2"),
            ..Person::default()
        }),
        ..ada()
    };
    assert_eq!(
        fill(
            "[destination:phone][source:phone][contact:phone]",
            &tokens,
            Plain
        ),
        "12+4401"
    );
}

#[test]
fn a_value_is_never_scanned_again() {
    for value in [
        "[contact:last_name]",
        "[",
        "]",
        "[contact:",
        "last_name]",
        "[[contact:first_name]]",
    ] {
        for landing in [Html, Plain, Header] {
            assert_eq!(
                fill("<[contact:first_name]>", &first_name(value), landing),
                format!("<{value}>")
            );
        }
    }
    // Also if value and text together look like a token.
    let split = first_name("[contact:");
    assert_eq!(
        fill("[contact:first_name]last_name]", &split, Plain),
        "[contact:last_name]"
    );
    assert_eq!(
        fill(
            "[[contact:first_name]]",
            &first_name("contact:phone"),
            Plain
        ),
        "[contact:phone]"
    );
}

#[test]
fn a_value_is_escaped_for_where_it_lands() {
    let hostile = "<script a='b' c=\"d\">&amp;\r\nBcc: x\0\u{85}\t";
    let filled = |landing| fill("[contact:first_name]", &first_name(hostile), landing);
    assert_eq!(
        filled(Html),
        "&lt;script a=&#39;b&#39; c=&quot;d&quot;&gt;&amp;amp;\r\nBcc: x\u{85}\t"
    );
    assert_eq!(
        filled(Plain),
        "<script a='b' c=\"d\">&amp;\r\nBcc: x\u{85}\t"
    );
    assert_eq!(filled(Header), "<script a='b' c=\"d\">&amp;  Bcc: x   ");
}

#[test]
fn the_text_around_tokens_is_not_escaped() {
    assert_eq!(
        fill("<b>&nbsp;[company:name]</b>", &ada(), Html),
        "<b>&nbsp;Ledger &amp; Sons</b>"
    );
}

/// A small seeded random number generator, good enough to find slicing errors.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

#[test]
fn random_text_without_tokens_comes_back_and_with_them_grows_by_their_values() {
    const PIECES: [&str; 12] = [
        "[",
        "]",
        ":",
        "contact",
        "é",
        "\u{10348}",
        "first_name",
        "[contact:",
        "\r\n",
        "\0",
        "[é]",
        " ",
    ];
    let mut dice = Dice(7);
    for _ in 0..2_000 {
        let mut text = String::new();
        let mut expected = String::new();
        for _ in 0..dice.roll(30) {
            if dice.roll(6) == 0 {
                text.push_str("[contact:first_name]");
                expected.push_str("[user:username]");
            } else {
                // A space after each piece keeps the pieces from forming a token.
                let piece = PIECES[dice.roll(PIECES.len())];
                text.push_str(piece);
                text.push(' ');
                expected.push_str(piece);
                expected.push(' ');
            }
        }
        assert_eq!(fill(&text, &first_name("[user:username]"), Plain), expected);
    }
}

#[test]
fn a_megabyte_of_brackets_stays_as_it_is() {
    for piece in [
        "[",
        "]",
        "[contact:",
        "[a",
        "[contact:first_name",
        "[:::::::::",
    ] {
        let text = piece.repeat(1_048_576 / piece.len());
        assert_eq!(fill(&text, &ada(), Html), text);
    }
    let long = format!("[{}]", "a".repeat(1_048_576));
    assert_eq!(fill(&long, &ada(), Html), long);
}

#[test]
fn a_text_is_not_blown_up_without_bound() {
    let text = "[contact:first_name]".repeat(50_000);
    let filled = fill(&text, &first_name(&"&".repeat(100_000)), Html);
    assert!(filled.len() < MOST + 600_000, "{}", filled.len());
}
