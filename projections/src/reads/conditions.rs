//! The conditions of lists, by the documented rules of matching. Only the filters that were given
//! become part of the statement, so that each statement is planned with the fitting index.

use sqlx::{Encode, Postgres, QueryBuilder, Type};

/// Writes the conditions of a list into its statement.
pub struct Conditions<'s>(&'s mut QueryBuilder<'static, Postgres>);

impl<'s> Conditions<'s> {
    pub(super) fn new(sql: &'s mut QueryBuilder<'static, Postgres>) -> Self {
        Self(sql)
    }

    /// Matches ids, flags and words that are equal.
    pub fn exact<T>(&mut self, column: &str, value: Option<T>)
    where
        T: Encode<'static, Postgres> + Type<Postgres> + 'static,
    {
        self.compare(column, "=", value);
    }

    /// Matches an id in a nullable column that is equal. Written like the expression that lists
    /// are sorted by, so that one index serves both.
    pub fn reference(&mut self, column: &str, id: Option<i64>) {
        match id {
            // 0 stands for null in the expression.
            Some(0) => self.never(),
            id => self.exact(&format!("coalesce({column}, 0)"), id),
        }
    }

    /// Matches rows that another table refers to: `select` ends before the comparison with the
    /// value.
    pub fn within(&mut self, column: &str, select: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.0.push(format!(" and {column} in ({select} = "));
            self.0.push_bind(value).push(")");
        }
    }

    /// Matches the smallest value of an expression in the table from `least` to `most`.
    pub fn first(&mut self, expression: &str, table: &str, least: i64, most: i64) {
        self.0
            .push(format!(
                " and {expression} = (select {expression} from {table} where {expression} >= "
            ))
            .push_bind(least)
            .push(format!(" and {expression} <= "))
            .push_bind(most)
            .push(format!(" order by {expression} limit 1)"));
    }

    /// Compares by an operator.
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

    /// Matches email addresses and hosts that are equal, ignoring case. Written like the
    /// expression that lists are sorted by, so that one index serves both.
    pub fn email(&mut self, column: &str, value: &Option<String>) {
        let Some(value) = value.as_deref().map(str::trim) else {
            return;
        };
        if value.is_empty() {
            // The empty text stands for null in the expression.
            self.never();
            return;
        }
        // The first half is only for the planner: it implies that the row of a joined table
        // exists.
        self.0.push(format!(
            " and {column} is not null and lower(coalesce({column}, '')) = lower("
        ));
        self.0.push_bind(value.to_owned()).push(")");
    }

    /// Matches words that are equal, ignoring case, as [`Conditions::email`] does.
    pub fn word(&mut self, column: &str, value: &Option<String>) {
        self.email(column, value);
    }

    /// Matches those of a fixed set of words that contain the value, ignoring case.
    pub fn one_of(&mut self, column: &str, value: &Option<String>, words: &[&'static str]) {
        if let Some(value) = value {
            let value = value.to_lowercase();
            let fitting = words.iter().filter(|word| word.contains(&value));
            self.any_of(column, fitting.copied().collect());
        }
    }

    /// Matches those of the possible masks that have any of these bits.
    pub fn bits(&mut self, column: &str, value: Option<i32>, masks: &[i32]) {
        if let Some(value) = value {
            let fitting = masks.iter().filter(|mask| *mask & value != 0);
            self.any_of(column, fitting.copied().collect());
        }
    }

    /// Matches any of these values: an index finds values but cannot evaluate the rule.
    fn any_of<T>(&mut self, column: &str, values: Vec<T>)
    where
        T: Encode<'static, Postgres> + Type<Postgres> + Copy + 'static,
        Vec<T>: Encode<'static, Postgres> + Type<Postgres>,
    {
        match values.as_slice() {
            [] => self.never(),
            // With a single value an index also gives the order.
            [value] => self.exact(column, Some(*value)),
            _ => {
                self.0.push(format!(" and {column} = any("));
                self.0.push_bind(values).push(")");
            }
        }
    }

    fn never(&mut self) {
        self.0.push(" and false");
    }

    /// Matches names and texts that contain the value, ignoring case.
    pub fn contains(&mut self, column: &str, value: &Option<String>) {
        if let Some(value) = value {
            self.0.push(format!(" and {column} ilike "));
            self.0.push_bind(format!("%{}%", escaped(value)));
        }
    }

    /// Matches names of roles and permissions that begin with the value, ignoring case.
    pub fn starts(&mut self, column: &str, value: &Option<String>) {
        if let Some(value) = value {
            self.0.push(format!(" and lower({column}) like lower("));
            self.0.push_bind(format!("{}%", escaped(value))).push(")");
        }
    }

    /// Matches phone numbers that end with the value's digits, ignoring all characters between.
    pub fn phone(&mut self, column: &str, value: &Option<String>) {
        let Some(value) = value else { return };
        let digits = backwards(value);
        // The empty pattern would match the end of every number.
        if digits.is_empty() && !value.is_empty() {
            self.never();
            return;
        }
        self.0.push(format!(" and reverse({column}) like "));
        self.0.push_bind(format!("{digits}%"));
    }

    /// Matches a phone number of any side, for a filter on several joined tables.
    pub fn either_phone(&mut self, value: &Option<String>, sides: &[Side]) {
        let digits = value.as_deref().map_or(0, |value| backwards(value).len());
        if digits >= SELECTIVE {
            self.among(value, Self::phone, sides);
        }
        self.any_side(value, Self::phone, sides);
    }

    /// Matches an email address of any side.
    pub fn either_email(&mut self, value: &Option<String>, sides: &[Side]) {
        self.among(value, Self::email, sides);
        self.any_side(value, Self::email, sides);
    }

    /// Adds a condition on the ids of matching rows in the joined tables, which are selected
    /// first: only with the ids can an index find the rows.
    fn among(&mut self, value: &Option<String>, by: Matching<Self>, sides: &[Side]) {
        if value.is_none() {
            return;
        }
        self.0.push(" and (false");
        for side in sides {
            let (key, ids) = (side.key, side.ids);
            self.0
                .push(format!(" or {key} = any(array({ids} where true"));
            by(self, side.column, value);
            self.0.push("))");
        }
        self.0.push(")");
    }

    fn any_side(&mut self, value: &Option<String>, by: Matching<Self>, sides: &[Side]) {
        if value.is_none() {
            return;
        }
        self.0.push(" and (false");
        for side in sides {
            self.0.push(" or (true");
            by(self, side.column, value);
            self.0.push(")");
        }
        self.0.push(")");
    }
}

/// A rule of matching.
type Matching<C> = fn(&mut C, &str, &Option<String>);

/// The number of final digits from which few phone numbers match.
const SELECTIVE: usize = 3;

/// A joined table that a filter looks at.
#[derive(Clone, Copy, Debug)]
pub struct Side {
    /// The column, with the table's alias.
    pub column: &'static str,
    /// The foreign key to the table.
    pub key: &'static str,
    /// A query for the ids of the table, with the alias of `column` and without conditions.
    pub ids: &'static str,
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
