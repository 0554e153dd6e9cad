//! Sanitises texts from remote sides for events and answers.

/// The text on one line, each stretch of white space and control characters made a single
/// space, cut to at most `most` characters.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let words = text.split(|c: char| c.is_control() || c.is_whitespace());
    let mut line = String::new();
    for word in words.filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    match line.char_indices().nth(most) {
        Some((end, _)) => line[..end].to_owned(),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_one_line_of_bounded_length() {
        assert_eq!(one_line(" a\r\nb\0\tc\u{85}d ", 500), "a b c d");
        assert_eq!(one_line(&"é".repeat(9_000), 500).chars().count(), 500);
    }
}
