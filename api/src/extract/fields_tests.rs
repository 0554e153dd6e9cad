use domain::{
    people::Contact,
    values::{Body, Line},
};
use serde_json::json;

use super::*;

fn fields(value: Value) -> Fields {
    let Value::Object(map) = value else {
        panic!("an object")
    };
    Fields::new(map)
}

fn wrong(fields: Fields) -> Vec<String> {
    let Err(Error::Invalid(errors)) = fields.finish(()) else {
        return Vec::new();
    };
    errors
        .into_iter()
        .map(|error| error.field.into_owned())
        .collect()
}

#[test]
fn ids_come_as_numbers_and_as_numeric_strings() {
    let mut read = fields(json!({"a": 7, "b": "7", "c": null, "d": "", "e": 0}));
    for field in ["a", "b"] {
        assert_eq!(read.id::<Contact>(field), Patch::Set(Id::new(7)));
    }
    for field in ["c", "d", "e"] {
        assert_eq!(read.id::<Contact>(field), Patch::Clear);
    }
    assert_eq!(read.id::<Contact>("absent"), Patch::Keep);
    assert_eq!(wrong(read), Vec::<String>::new());
}

#[test]
fn a_wrong_id_is_named() {
    let mut read = fields(json!({"a": -1, "b": 1.5, "c": "x", "d": [], "e": 1e30, "f": true}));
    for field in ["a", "b", "c", "d", "e", "f"] {
        assert_eq!(read.id::<Contact>(field), Patch::Keep);
    }
    assert_eq!(wrong(read), ["a", "b", "c", "d", "e", "f"]);
}

#[test]
fn flags_come_in_six_spellings() {
    let mut read = fields(json!({"a": true, "b": 1, "c": "1", "d": false, "e": 0, "f": "0"}));
    for field in ["a", "b", "c"] {
        assert_eq!(read.flag(field), Patch::Set(true));
    }
    for field in ["d", "e", "f"] {
        assert_eq!(read.flag(field), Patch::Set(false));
    }
    let mut read = fields(json!({"a": 2, "b": "yes", "c": {}}));
    for field in ["a", "b", "c"] {
        assert_eq!(read.flag(field), Patch::Keep);
    }
    assert_eq!(wrong(read), ["a", "b", "c"]);
}

#[test]
fn a_phone_is_a_string_or_a_number_that_fits() {
    let mut read = fields(json!({"a": "+1 555 0100", "b": 15550100, "c": 1e40, "d": -5}));
    assert_eq!(read.phone("a"), Patch::Set("+15550100".parse().unwrap()));
    assert_eq!(read.phone("b"), Patch::Set("15550100".parse().unwrap()));
    assert_eq!(read.phone("c"), Patch::Keep);
    read.phone("d").given();
    assert_eq!(wrong(read), ["c", "d"]);
}

#[test]
fn text_is_text() {
    let mut read = fields(json!({"a": "x", "b": 7, "c": "\u{0}", "d": "", "e": ["x"]}));
    assert_eq!(read.text::<Line>("a"), Patch::Set("x".parse().unwrap()));
    for field in ["b", "c", "e"] {
        assert_eq!(read.text::<Line>(field), Patch::Keep);
    }
    assert_eq!(read.text::<Body>("d"), Patch::Clear);
    assert_eq!(wrong(read), ["b", "c", "e"]);
}

#[test]
fn a_word_is_one_of_those_that_are_described() {
    let words = ["red", "green", "blue"];
    let known = |word: &str| words.into_iter().find(|known| *known == word);
    let mut read = fields(json!({"a": " Green", "b": "", "c": "grey", "d": 7}));
    assert_eq!(read.one_of("a", &words, known), Patch::Set("green"));
    assert_eq!(read.one_of("b", &words, known), Patch::Clear);
    assert_eq!(read.one_of("c", &words, known), Patch::Keep);
    assert_eq!(read.errors[0].message, "must be red, green or blue");
    read.one_of("d", &words, known).given();
    assert_eq!(wrong(read), ["c", "d"]);
    let mut described = Fields::describing();
    described.one_of("a", &words, known).given();
    let schema = json!(described.described()[0].schema);
    assert_eq!(schema["enum"], json!(["red", "green", "blue", null]));
}

#[test]
fn an_undescribed_field_is_read_all_the_same() {
    let mut read = fields(json!({"a": "x"}));
    let text = read.undescribed(|fields| fields.text::<Line>("a"));
    assert_eq!(text, Patch::Set("x".parse().unwrap()));
    let mut described = Fields::describing();
    described
        .undescribed(|fields| fields.text::<Line>("a"))
        .given();
    described.text::<Line>("b").given();
    let names: Vec<_> = described
        .described()
        .iter()
        .map(|field| field.name)
        .collect();
    assert_eq!(names, ["b"]);
}

#[test]
fn a_number_stays_within_its_range() {
    let mut read = fields(json!({"port": "25", "big": 70_000, "small": 0}));
    assert_eq!(read.number::<u16>("port", 1..=65_535), Patch::Set(25));
    assert_eq!(read.number::<u16>("big", 1..=65_535), Patch::Keep);
    assert_eq!(read.number::<u16>("small", 1..=65_535), Patch::Keep);
    assert_eq!(wrong(read), ["big", "small"]);
}

#[test]
fn a_field_that_stands_for_two_things_is_read_twice() {
    let mut read = fields(json!({"a": "7", "b": "x"}));
    for field in ["a", "b"] {
        let first = read.leaving(field, |fields| fields.id::<Contact>(field));
        assert_eq!(first, read.id(field));
    }
    assert_eq!(wrong(read), ["b"]);
}

#[test]
fn a_secret_is_kept_as_it_stands_and_out_of_debug() {
    use secrecy::ExposeSecret;
    let mut read = fields(json!({"a": "  p w ", "b": "x".repeat(2000), "c": 1234}));
    let secret = read.secret("a").given().unwrap();
    assert_eq!(secret.expose_secret(), "  p w ");
    assert!(!format!("{secret:?}").contains("p w"));
    assert!(read.secret("b").given().is_none());
    assert_eq!(read.secret("c").given().unwrap().expose_secret(), "1234");
    assert_eq!(wrong(read), ["b"]);
}
