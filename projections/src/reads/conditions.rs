//! What narrows a list, by the documented rules of matching. Only filters that were
//! given become part of the statement, so that each is planned with its own index.

use sqlx::{Encode, Postgres, QueryBuilder, Type};

/// The conditions of a list, being written.
pub struct Conditions<'s>(&'s mut QueryBuilder<'static, Postgres>);

impl<'s> Conditions<'s> {
    pub(super) fn new(sql: &'s mut QueryBuilder<'static, Postgres>) -> Self {
        Self(sql)
    }

    /// Ids, flags and words: the same.
    pub fn exact<T>(&mut self, column: &str, value: Option<T>)
    where
        T: Encode<'static, Postgres> + Type<Postgres> + 'static,
    {
        self.compare(column, "=", value);
    }

    /// By an operator.
    pub fn compare<T>(&mut self, column: &str, operator: &str, value: Option<T>)
    where
        T: Encode<'static, Postgres> + Type<Postgres> + 'static,
    {
        if let Some(value) = value {
            self.0
                .push(format!(" and {column} {operator} "))
                .push_bind(value);
        }
    }

    /// Email addresses: the same, but for upper and lower case.
    pub fn email(&mut self, column: &str, value: &Option<String>) {
        if let Some(value) = value {
            self.0.push(format!(" and lower({column}) = lower("));
            self.0.push_bind(value.trim().to_owned()).push(")");
        }
    }

    /// Names and text: somewhere in it, upper or lower case.
    pub fn contains(&mut self, column: &str, value: &Option<String>) {
        if let Some(value) = value {
            self.0.push(format!(" and {column} ilike "));
            self.0.push_bind(format!("%{}%", escaped(value)));
        }
    }

    /// Names of roles and permissions: the beginning, upper or lower case.
    pub fn starts(&mut self, column: &str, value: &Option<String>) {
        if let Some(value) = value {
            self.0.push(format!(" and lower({column}) like lower("));
            self.0.push_bind(format!("{}%", escaped(value))).push(")");
        }
    }

    /// Telephone numbers: the last digits, whatever one writes between them.
    pub fn phone(&mut self, column: &str, value: &Option<String>) {
        let Some(value) = value else { return };
        let digits = backwards(value);
        // Left as it is, this would be the end of every number.
        if digits.is_empty() && !value.is_empty() {
            self.0.push(" and false");
            return;
        }
        self.0.push(format!(" and reverse({column}) like "));
        self.0.push_bind(format!("{digits}%"));
    }

    /// Masks: any of these bits.
    pub fn bits(&mut self, column: &str, value: Option<i32>) {
        if let Some(value) = value {
            self.0.push(format!(" and {column} & ")).push_bind(value);
            self.0.push(" <> 0");
        }
    }

    /// Any of these conditions, for a filter that looks at several columns.
    pub fn either(
        &mut self,
        value: &Option<String>,
        by: fn(&mut Self, &str, &Option<String>),
        columns: &[&str],
    ) {
        if value.is_none() {
            return;
        }
        self.0.push(" and (false");
        for column in columns {
            self.0.push(" or (true");
            by(self, column, value);
            self.0.push(")");
        }
        self.0.push(")");
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn backwards(phone: &str) -> String {
    let dialled = |c: &char| c.is_ascii_digit() || matches!(c, '+' | '*' | '#');
    phone.chars().filter(dialled).rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percent_sign_is_only_a_percent_sign() {
        assert_eq!(escaped(r"50%_\"), r"50\%\_\\");
    }

    #[test]
    fn a_phone_is_looked_for_from_its_end() {
        assert_eq!(backwards("(555) 01-00"), "0010555");
    }

    #[test]
    fn what_is_no_phone_at_all_is_the_end_of_none() {
        let mut sql = QueryBuilder::new("");
        Conditions::new(&mut sql).phone("t.phone", &Some("abc".to_owned()));
        assert_eq!(sql.sql(), " and false");
    }
}
