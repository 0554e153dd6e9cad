//! The keywords of short messages by which people opt out, or in again.

use std::collections::BTreeMap;

/// The meaning of a keyword.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Opts out of messages.
    Stop {
        /// The text of the confirmation; `None` to send none.
        answer: Option<String>,
    },
    /// Opts in again.
    Start,
}

struct Language {
    code: &'static str,
    stop: &'static [&'static str],
    start: &'static [&'static str],
    /// The default confirmation, in letters of the GSM alphabet, and short enough for one message.
    answer: &'static str,
}

const LANGUAGES: [Language; 7] = [
    Language {
        code: "en",
        stop: &[
            "STOP",
            "STOPALL",
            "STOP ALL",
            "UNSUBSCRIBE",
            "CANCEL",
            "END",
            "QUIT",
            "OPTOUT",
        ],
        start: &["START", "UNSTOP"],
        answer: "You will get no more messages from us. Reply START to get them again.",
    },
    Language {
        code: "de",
        stop: &["STOPP", "ABMELDEN", "ABBESTELLEN", "ABBRUCH"],
        start: &["ANMELDEN"],
        answer: "Sie erhalten keine Nachrichten mehr von uns. Mit START erhalten Sie sie wieder.",
    },
    Language {
        code: "fr",
        stop: &["ARRET", "ARRÊT", "DESABONNER", "DÉSABONNER"],
        start: &["ABONNER"],
        answer: "Vous ne recevrez plus nos messages. Répondez START pour les recevoir à nouveau.",
    },
    Language {
        code: "es",
        stop: &["BAJA", "ALTO", "PARAR", "CANCELAR"],
        start: &["ALTA"],
        answer: "Ya no le enviaremos mensajes. Responda START para volver a recibirlos.",
    },
    Language {
        code: "it",
        stop: &["FERMA", "DISISCRIVI", "CANCELLA"],
        start: &["ISCRIVI"],
        answer: "Non riceverà più nostri messaggi. Risponda START per riceverli di nuovo.",
    },
    Language {
        code: "pt",
        stop: &["SAIR", "PARE", "DESCADASTRAR"],
        start: &["VOLTAR"],
        answer: "As nossas mensagens foram canceladas. Responda START para voltar a receber.",
    },
    Language {
        code: "nl",
        stop: &["AFMELDEN", "UITSCHRIJVEN"],
        start: &["AANMELDEN"],
        answer: "U ontvangt geen berichten meer van ons. Antwoord START om ze weer te ontvangen.",
    },
];

/// The keywords that are in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StopWords(BTreeMap<String, Wish>);

impl StopWords {
    /// The codes of the languages that have keywords.
    pub fn languages() -> impl Iterator<Item = &'static str> {
        LANGUAGES.iter().map(|language| language.code)
    }

    /// The keywords of these languages. An opt-out is confirmed in the keyword's own language,
    /// unless `answer` gives another text; an empty `answer` turns confirmations off.
    pub fn for_languages(languages: &[String], answer: Option<&str>) -> Self {
        let mut words = BTreeMap::new();
        let wanted = |language: &&Language| languages.iter().any(|code| code == language.code);
        for language in LANGUAGES.iter().filter(wanted) {
            let answer = answer.unwrap_or(language.answer);
            let answer = Some(answer.to_owned()).filter(|answer| !answer.is_empty());
            for word in language.stop {
                let answer = answer.clone();
                words.insert(folded(word), Wish::Stop { answer });
            }
            for word in language.start {
                words.insert(folded(word), Wish::Start);
            }
        }
        Self(words)
    }

    /// Adds keywords; opt-outs by these are confirmed with `answer`.
    pub fn with(mut self, stop: &[String], start: &[String], answer: Option<&str>) -> Self {
        let answer = answer
            .map(str::to_owned)
            .filter(|answer| !answer.is_empty());
        for word in stop {
            let answer = answer.clone();
            self.0.insert(folded(word), Wish::Stop { answer });
        }
        for word in start {
            self.0.insert(folded(word), Wish::Start);
        }
        self
    }

    /// The meaning of a text that consists of nothing but a keyword, in any case, with or without
    /// punctuation around it. "Stop by at six" has none.
    pub fn wish(&self, text: &str) -> Option<&Wish> {
        // A bound on the work: a text of more than 100 bytes is not taken for a keyword.
        if text.len() > 100 {
            return None;
        }
        self.0.get(&folded(text)).filter(|_| !text.is_empty())
    }
}

fn folded(text: &str) -> String {
    let letters = |c: char| if c.is_alphanumeric() { c } else { ' ' };
    let text: String = text.chars().map(letters).collect();
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outreach::sms::{Encoding, Sms};

    fn all() -> StopWords {
        let languages: Vec<_> = StopWords::languages().map(str::to_owned).collect();
        StopWords::for_languages(&languages, None)
    }

    #[test]
    fn a_word_counts_alone_and_in_any_spelling() {
        let words = all();
        for text in [
            "STOP",
            "stop",
            " Stop. ",
            "\"STOP!\"",
            "stop all",
            "Arrêt",
            "abmelden",
        ] {
            let wish = words.wish(text);
            assert!(matches!(wish, Some(Wish::Stop { .. })), "{text}");
        }
        for text in ["start", "START!", "Alta"] {
            assert_eq!(words.wish(text), Some(&Wish::Start), "{text}");
        }
        for text in [
            "",
            "!",
            "please stop",
            "Stop by at six",
            "stopp it",
            "restart",
        ] {
            assert_eq!(words.wish(text), None, "{text}");
        }
    }

    #[test]
    fn only_the_languages_that_were_asked_for_count() {
        let english = StopWords::for_languages(&["en".to_owned()], None);
        assert!(english.wish("STOP").is_some());
        assert_eq!(english.wish("BAJA"), None);
        let more = english.with(&["Genug".to_owned()], &["Weiter".to_owned()], Some("ok"));
        let answer = Some("ok".to_owned());
        assert_eq!(more.wish("genug"), Some(&Wish::Stop { answer }));
        assert_eq!(more.wish("WEITER"), Some(&Wish::Start));
    }

    #[test]
    fn the_answer_is_in_the_words_language_unless_something_else_is_said() {
        let Some(Wish::Stop { answer }) = all().wish("abmelden").cloned() else {
            panic!("it stops");
        };
        assert!(answer.unwrap().starts_with("Sie erhalten"));
        let silent = StopWords::for_languages(&["de".to_owned()], Some(""));
        assert_eq!(silent.wish("STOPP"), Some(&Wish::Stop { answer: None }));
    }

    #[test]
    fn every_answer_fits_into_one_message() {
        for language in &LANGUAGES {
            let sms = Sms::encode(language.answer, Some(Encoding::Gsm)).unwrap();
            assert_eq!(sms.parts.len(), 1, "{}", language.code);
        }
    }
}
