//! Names of roles, compared by their appearance: no name may be mistaken for another.

use unicode_normalization::UnicodeNormalization as _;
use unicode_security::{
    GeneralSecurityProfile, RestrictionLevel, RestrictionLevelDetection as _, skeleton,
};

use crate::{Refusal, values::Line};

/// The combining dot above. Over `i` and `j`, which have a dot already, it cannot be seen.
const DOT_ABOVE: char = '\u{307}';

/// A role's name as it is compared: in compatibility form (NFKC) and lower case, with every
/// character that looks like an ASCII letter (Unicode Technical Standard 39) replaced by that
/// letter. Two names of ASCII letters are equal only if they differ in nothing but case.
pub fn folded_role_name(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    for c in name.nfkc().flat_map(char::to_lowercase) {
        if c.is_whitespace() {
            if !folded.ends_with(' ') {
                folded.push(' ');
            }
        } else if c == DOT_ABOVE && folded.ends_with(['i', 'j']) {
        } else {
            push_as_seen(&mut folded, c);
        }
    }
    folded.trim().nfc().collect()
}

fn push_as_seen(folded: &mut String, c: char) {
    if c.is_ascii() {
        return folded.push(c);
    }
    let mut buffer = [0; 4];
    let shape: String = skeleton(c.encode_utf8(&mut buffer)).collect();
    if shape.is_ascii() {
        folded.push_str(&shape.to_lowercase())
    } else {
        folded.push(c)
    }
}

/// Refuses a new name with invisible or confusable characters, or with letters of several scripts.
/// Japanese, Chinese and Korean may be mixed with one another, and each with Latin.
pub(super) fn check(name: &Line) -> Result<(), Refusal> {
    let name = name.as_str();
    let plain = |c: char| c.is_ascii() || c.identifier_allowed();
    if !name.chars().all(plain) {
        let reason = "must consist of letters, marks and digits in common use, and ASCII";
        return Err(Refusal::invalid("name", reason));
    }
    let punctuation = |c: &char| c.is_ascii() && !c.is_ascii_alphanumeric();
    let letters: String = name.chars().filter(|c| !punctuation(c)).collect();
    if letters.as_str().detect_restriction_level() <= RestrictionLevel::HighlyRestrictive {
        Ok(())
    } else {
        Err(Refusal::invalid("name", "must not mix scripts"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_allowed(name: &str) -> bool {
        check(&name.parse().unwrap()).is_ok()
    }

    #[test]
    fn names_that_look_like_admin_are_refused() {
        for imitation in [
            "admın",
            "ADMIN",
            "Admin",
            "ａｄｍｉｎ",
            "ａdmin",
            "аdmin",
            "аdmіn",
            "ɑdmin",
            "ADMİN",
            "αdmin",
            "ad\u{200b}min",
            "ad\u{ad}min",
            "admin\u{2060}",
            "𝐚𝐝𝐦𝐢𝐧",
            "ⓐdmin",
            "adмin",
            "AⅮMIN",
        ] {
            let folded = folded_role_name(imitation);
            assert!(
                folded == "admin" || !is_allowed(imitation),
                "{imitation}: {folded}"
            );
        }
    }

    #[test]
    fn names_in_one_script_are_allowed_and_stay_apart() {
        let names = [
            "Büro",
            "Buro",
            "отдел продаж",
            "営業 Team",
            "Vertrieb-2 (Süd)",
            "desk0",
            "desko",
            "admins",
            "rol1",
            "roll",
            "प्रबंधक",
            "מנהל",
            "مدير",
        ];
        for (at, name) in names.iter().enumerate() {
            assert!(is_allowed(name), "{name}");
            let folded = folded_role_name(name);
            let others = names[at + 1..].iter();
            assert!(
                others
                    .clone()
                    .all(|other| folded_role_name(other) != folded)
            );
        }
        assert_eq!(
            folded_role_name("Sales  Desk"),
            folded_role_name("sales desk")
        );
    }
}
