use super::{Encoding::*, *};

fn sms(text: &str) -> Sms {
    Sms::encode(text, None).unwrap()
}

/// Encoding, length and number of parts of a text without a requested encoding.
fn measured(text: &str) -> (Encoding, usize, usize) {
    let sms = sms(text);
    (sms.encoding, sms.length, sms.parts.len())
}

/// The text that a telephone shows.
fn shown(sms: &Sms) -> String {
    let octets: Vec<u8> = sms.parts.concat();
    match sms.encoding {
        Gsm => {
            let mut codes = octets.into_iter();
            let alphabet: Vec<char> = ALPHABET.chars().collect();
            std::iter::from_fn(|| {
                Some(match codes.next()? {
                    ESCAPE => {
                        let code = codes.next().unwrap();
                        EXTENSION.iter().find(|one| one.1 == code).unwrap().0
                    }
                    code => alphabet[usize::from(code)],
                })
            })
            .collect()
        }
        Unicode => {
            let units: Vec<u16> = octets
                .chunks(2)
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                .collect();
            String::from_utf16(&units).unwrap()
        }
        Binary => octets.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// Pseudo-random numbers, the same in every run.
fn numbers(seed: u64) -> impl Iterator<Item = usize> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize
    })
}

#[test]
fn the_alphabet_has_its_128_places() {
    let letters: Vec<char> = ALPHABET.chars().collect();
    assert_eq!(letters.len(), 128);
    for (code, letter) in [
        (0x00, '@'),
        (0x09, 'Ç'),
        (0x10, 'Δ'),
        (0x1b, '\u{1b}'),
        (0x24, '¤'),
        (0x40, '¡'),
        (0x5f, '§'),
        (0x60, '¿'),
        (0x7f, 'à'),
    ] {
        assert_eq!(letters[code], letter, "{code:#x}");
    }
    let mut once = letters.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), 128);
}

#[test]
fn a_text_of_gsm_letters_has_160_or_153_to_a_part() {
    for (letters, parts) in [(1, 1), (160, 1), (161, 2), (306, 2), (307, 3), (459, 3)] {
        assert_eq!(measured(&"a".repeat(letters)), (Gsm, letters, parts));
    }
}

#[test]
fn a_letter_of_the_extension_table_counts_twice_and_is_not_divided() {
    assert_eq!(measured(&"€".repeat(80)), (Gsm, 160, 1));
    assert_eq!(measured(&"€".repeat(81)), (Gsm, 162, 2));
    // The 153rd place would take the escape, and the next part the code behind it.
    let text = format!("{}€{}", "a".repeat(152), "b".repeat(20));
    let parts = sms(&text).parts;
    assert_eq!((parts[0].len(), parts[1].len()), (152, 22));
    assert_eq!(parts[1][..2], [ESCAPE, 0x65]);
}

#[test]
fn other_letters_make_it_unicode_with_70_or_67_to_a_part() {
    for (letters, parts) in [(70, 1), (71, 2), (134, 2), (135, 3)] {
        assert_eq!(measured(&"ж".repeat(letters)), (Unicode, letters, parts));
    }
}

#[test]
fn an_emoji_is_two_units_and_stays_in_one_piece() {
    assert_eq!(measured(&"😀".repeat(35)), (Unicode, 70, 1));
    assert_eq!(measured(&"😀".repeat(36)), (Unicode, 72, 2));
    let parts = sms(&format!("{}😀{}", "a".repeat(66), "b".repeat(10))).parts;
    assert_eq!((parts[0].len(), parts[1].len()), (132, 24));
}

#[test]
fn what_was_asked_for_is_kept_or_refused() {
    assert_eq!(Sms::encode("abc", Some(Unicode)).unwrap().encoding, Unicode);
    assert_eq!(Sms::encode("añł", Some(Gsm)), Err(Unfit::Letter('ł')));
    assert_eq!(
        Sms::encode("\u{1b}", Some(Gsm)),
        Err(Unfit::Letter('\u{1b}'))
    );
    // The capital letter, which the alphabet has, does not replace the small one.
    assert_eq!(Sms::encode("ç", Some(Gsm)), Err(Unfit::Letter('ç')));
}

#[test]
fn bytes_are_written_in_hex() {
    let sms = Sms::encode("00 fF\n7e", Some(Binary)).unwrap();
    assert_eq!((sms.length, &sms.parts), (3, &vec![vec![0, 255, 126]]));
    let parts = |bytes: usize| {
        let sms = Sms::encode(&"ab".repeat(bytes), Some(Binary)).unwrap();
        sms.parts.len()
    };
    assert_eq!(
        (parts(140), parts(141), parts(268), parts(269)),
        (1, 2, 2, 3)
    );
    for text in ["0", "0x", "zz", "é0", "+1"] {
        assert_eq!(Sms::encode(text, Some(Binary)), Err(Unfit::Hex), "{text}");
    }
}

#[test]
fn no_text_has_more_parts_than_can_be_counted() {
    assert_eq!(measured(&"a".repeat(255 * 153)).2, 255);
    assert_eq!(
        Sms::encode(&"a".repeat(255 * 153 + 1), None),
        Err(Unfit::TooLong)
    );
    assert_eq!(measured(&"ж".repeat(255 * 67)).2, 255);
    assert_eq!(
        Sms::encode(&"ж".repeat(255 * 67 + 1), None),
        Err(Unfit::TooLong)
    );
    assert_eq!(measured(&"ab".repeat(0)), (Gsm, 0, 1));
    let binary = |bytes| Sms::encode(&"ab".repeat(bytes), Some(Binary));
    assert_eq!(binary(255 * 134).unwrap().parts.len(), 255);
    assert_eq!(binary(255 * 134 + 1), Err(Unfit::TooLong));
    assert_eq!(Sms::encode(&"a".repeat(1 << 20), None), Err(Unfit::TooLong));
}

/// Every text is restored from its parts, no part exceeds its limit, and no part but the last has
/// room for the letter that follows.
#[test]
fn any_text_survives_being_divided() {
    const LETTERS: [&str; 4] = ["aZ09 @\n", "€^{}[]~\\|", "жłçŁ", "😀𝄞"];
    for seed in 0..2_000 {
        let mut numbers = numbers(seed);
        let mut next = |below: usize| numbers.next().unwrap() % below;
        let (length, kinds) = (next(700), 1 + next(LETTERS.len()));
        let text: String = (0..length)
            .map(|_| {
                let letters: Vec<char> = LETTERS[next(kinds)].chars().collect();
                letters[next(letters.len())]
            })
            .collect();
        for asked in [None, Some(Unicode)] {
            let sms = Sms::encode(&text, asked).unwrap();
            assert_eq!(shown(&sms), text, "seed {seed}");
            check_room(&sms, seed);
            let gsm = text.chars().all(|c| gsm_letter(c).is_some());
            assert_eq!(sms.encoding == Gsm, gsm && asked.is_none());
        }
    }
}

fn check_room(sms: &Sms, seed: u64) {
    let (single, several) = sms.encoding.room();
    let octets: usize = sms.parts.iter().map(Vec::len).sum();
    assert_eq!(sms.length, octets / sms.encoding.octets_per_unit());
    assert_eq!(sms.parts.len() == 1, octets <= single, "seed {seed}");
    if sms.parts.len() == 1 {
        return;
    }
    for pair in sms.parts.windows(2) {
        assert!(pair[0].len() <= several && pair[1].len() <= several);
        let next = match (sms.encoding, &pair[1][..]) {
            (Gsm, [ESCAPE, ..]) => 2,
            (Gsm, _) | (Binary, _) => 1,
            (Unicode, [0xd8..=0xdb, ..]) => 4,
            (Unicode, _) => 2,
        };
        assert!(pair[0].len() + next > several, "seed {seed}");
        // No part begins in the middle of a surrogate pair.
        assert!(sms.encoding != Unicode || !(0xdc..=0xdf).contains(&pair[1][0]));
    }
}

#[test]
fn parts_say_again_what_was_encoded() {
    for text in [
        ALPHABET.replace('\u{1b}', ""),
        "€[]{}~\\|^\u{0c}".repeat(40),
        "😀 مرحبا".repeat(30),
    ] {
        let sms = Sms::encode(&text, None).unwrap();
        let parts = sms.parts.iter().map(|part| text_of(part, sms.encoding));
        assert_eq!(parts.collect::<Option<String>>().unwrap(), text);
    }
    assert_eq!(
        text_of(&[0x1b, 0x01, 0xff], Encoding::Gsm).unwrap(),
        "\u{fffd}\u{fffd}"
    );
    assert_eq!(
        text_of(&[0xd8, 0x3d, 0x00], Encoding::Unicode).unwrap(),
        "\u{fffd}\u{fffd}"
    );
    assert_eq!(text_of(&[1], Encoding::Binary), None);
}
