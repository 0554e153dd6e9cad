//! Composes an email from a template and the values of one recipient. Pure.

use std::panic::catch_unwind;

use domain::{
    delivery::SenderAddress,
    outreach::tokens::{Landing, Person, Tokens, fill},
};

use crate::email::{Attachment, Email};

/// The columns of a plain alternative made from HTML.
const WIDTH: usize = 78;

/// The largest HTML, in bytes, that is turned into text. Larger HTML, and HTML of more
/// than [`ELEMENTS`] elements, gets [`SEE_HTML`] for its plain
/// alternative: the time to turn it into text grows with the square of both (200,000
/// nested elements take minutes, these limits at worst about a second).
const LARGEST: usize = 256 * 1024;
/// The most elements of HTML that is turned into text.
const ELEMENTS: usize = 5_000;

/// The plain alternative where none can be made from the HTML.
const SEE_HTML: &str = "This message can be read in a mail program that shows HTML.\n";

/// The parts of a template, their tokens not yet filled in.
#[derive(Debug, Clone, Default)]
pub struct Parts<'a> {
    /// The subject line.
    pub subject: &'a str,
    /// The HTML body.
    pub html: Option<&'a str>,
    /// The plain body; made from the HTML where there is none.
    pub text: Option<&'a str>,
    /// The attached files.
    pub attachments: Vec<Attachment>,
}

/// The author of an email: an account's address, if it has one, and its name.
pub type From = (Option<SenderAddress>, Option<String>);

/// Composes the email to the contact in `tokens`, from this address and name. Without an
/// address, or a right to it, the adapter writes its provider's sender.
pub fn compose(parts: Parts<'_>, tokens: &Tokens, (from, from_name): From) -> Email {
    let html = parts.html.map(|html| fill(html, tokens, Landing::Html));
    let text = match (parts.text, &html) {
        (Some(text), _) => fill(text, tokens, Landing::Plain),
        (None, Some(html)) => plain(html),
        (None, None) => String::new(),
    };
    Email {
        from,
        from_name: from_name.map(|name| one_line(&name)),
        to_name: name(tokens.destination.as_ref().unwrap_or(&tokens.contact)),
        subject: one_line(&fill(parts.subject, tokens, Landing::Header)),
        html,
        text,
        attachments: parts.attachments,
    }
}

fn name(person: &Person) -> Option<String> {
    let names = [&person.first_name, &person.last_name];
    let names: Vec<&str> = names
        .into_iter()
        .filter_map(|name| name.as_deref())
        .collect();
    let name = one_line(&names.join(" "));
    (!name.is_empty()).then_some(name)
}

fn one_line(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    line.trim().to_owned()
}

fn plain(html: &str) -> String {
    if !convertible(html) {
        return SEE_HTML.to_owned();
    }
    let converted = catch_unwind(|| {
        html2text::config::plain()
            .allow_width_overflow()
            .string_from_read(html.as_bytes(), WIDTH)
    });
    match converted {
        Ok(Ok(text)) => text,
        _ => SEE_HTML.to_owned(),
    }
}

/// True if turning this HTML into text takes reasonable time.
fn convertible(html: &str) -> bool {
    let opens = |at: usize| {
        html.as_bytes()
            .get(at + 1)
            .is_some_and(u8::is_ascii_alphabetic)
    };
    html.len() <= LARGEST
        && html.match_indices('<').filter(|(at, _)| opens(*at)).count() <= ELEMENTS
}

#[cfg(test)]
mod tests {
    use domain::delivery::SenderRight;

    use super::*;

    fn ada(first_name: &str) -> Tokens {
        Tokens {
            contact: Person {
                first_name: Some(first_name.to_owned()),
                last_name: Some("Lovelace".to_owned()),
                ..Person::default()
            },
            ..Tokens::default()
        }
    }

    fn html(html: &str) -> Parts<'_> {
        Parts {
            html: Some(html),
            ..Parts::default()
        }
    }

    #[test]
    fn tokens_are_escaped_for_each_part() {
        let parts = Parts {
            subject: "Hi [contact:first_name]",
            html: Some("<p>[contact:first_name]</p>"),
            text: Some("[contact:first_name]"),
            attachments: Vec::new(),
        };
        let email = compose(parts, &ada("<A>\r\nBcc: x"), (None, None));
        assert_eq!(email.subject, "Hi <A>  Bcc: x");
        assert_eq!(email.html.unwrap(), "<p>&lt;A&gt;\r\nBcc: x</p>");
        assert_eq!(email.text, "<A>\r\nBcc: x");
        assert_eq!(email.to_name.unwrap(), "<A>  Bcc: x Lovelace");
        assert_eq!((email.from, email.from_name), (None, None));
    }

    #[test]
    fn the_plain_alternative_is_made_from_the_filled_html() {
        let email = compose(
            html("<p>Hi <b>[contact:first_name]</b> &amp; co</p>"),
            &ada("<A>"),
            (None, None),
        );
        assert_eq!(email.text.trim(), "Hi **<A>** & co");
    }

    #[test]
    fn a_sender_is_taken_over_as_one_line() {
        let address = SenderAddress {
            address: "a@b.c".to_owned(),
            right: SenderRight::Granted,
        };
        let from = (Some(address.clone()), Some("A\r\nB".to_owned()));
        let email = compose(Parts::default(), &Tokens::default(), from);
        assert_eq!(
            (email.from, email.from_name.as_deref()),
            (Some(address), Some("A  B"))
        );
        assert_eq!((email.to_name, email.text.as_str()), (None, ""));
    }

    #[test]
    fn html_that_would_take_minutes_gets_a_sentence() {
        for hostile in [
            "<div>".repeat(ELEMENTS + 1),
            "<p><!---->".repeat(20_000),
            "a".repeat(LARGEST + 1),
        ] {
            assert_eq!(plain(&hostile), SEE_HTML);
        }
    }

    #[test]
    fn html_as_people_write_it_is_converted() {
        let rows = "<tr><td>a<td>b<br><img src='x'></tr>\n".repeat(200);
        let letter = format!(
            "<table>{rows}</table><p>one<p>two<hr/><div>{}</div>",
            "<b>x</b>".repeat(500)
        );
        assert!(plain(&letter).contains("**x**"));
        for odd in [
            "",
            "<",
            "</",
            "<é",
            "<p",
            "<p é='>",
            "a < b",
            "<![if !mso]>",
        ] {
            assert_ne!(plain(odd), SEE_HTML, "{odd}");
        }
        // The counter overflows, which panics in builds that look for it.
        plain("<ol start=9223372036854775807><li>a<li>b");
    }
}
