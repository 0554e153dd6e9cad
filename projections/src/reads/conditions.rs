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

    /// What may be missing: the same. Written as lists are sorted by it, so that one index
    /// serves both.
    pub fn reference(&mut self, column: &str, id: Option<i64>) {
        match id {
            // This is what stands for none at all.
            Some(0) => self.never(),
            id => self.exact(&format!("coalesce({column}, 0)"), id),
        }
    }

    /// One of those that another table names: `select` ends where the value it is
    /// compared with begins.
    pub fn within(&mut self, column: &str, select: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.0.push(format!(" and {column} in ({select} = "));
            self.0.push_bind(value).push(")");
        }
    }

    /// The smallest value that the table has of an expression between these two.
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

    /// Email addresses and hosts: the same, but for upper and lower case. Written as
    /// lists are sorted by them, so that one index serves both.
    pub fn email(&mut self, column: &str, value: &Option<String>) {
        let Some(value) = value.as_deref().map(str::trim) else {
            return;
        };
        if value.is_empty() {
            // This is what stands for none at all.
            self.never();
            return;
        }
        // The first half says nothing new but to the planner: that a row of a table which is
        // joined must exist.
        self.0.push(format!(
            " and {column} is not null and lower(coalesce({column}, '')) = lower("
        ));
        self.0.push_bind(value.to_owned()).push(")");
    }

    /// A word out of a few: any that has this somewhere in it, upper or lower case.
    pub fn word(&mut self, column: &str, value: &Option<String>, words: &[&'static str]) {
        if let Some(value) = value {
            let value = value.to_lowercase();
            let fitting = words.iter().filter(|word| word.contains(&value));
            self.any_of(column, fitting.copied().collect());
        }
    }

    /// Masks that have any of these bits, out of those that there are.
    pub fn bits(&mut self, column: &str, value: Option<i32>, masks: &[i32]) {
        if let Some(value) = value {
            let fitting = masks.iter().filter(|mask| *mask & value != 0);
            self.any_of(column, fitting.copied().collect());
        }
    }

    /// One of these, which an index finds where it cannot calculate.
    fn any_of<T>(&mut self, column: &str, values: Vec<T>)
    where
        T: Encode<'static, Postgres> + Type<Postgres> + Copy + 'static,
        Vec<T>: Encode<'static, Postgres> + Type<Postgres>,
    {
        match values.as_slice() {
            [] => self.never(),
            // Of a single one an index also knows the order.
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
            self.never();
            return;
        }
        self.0.push(format!(" and reverse({column}) like "));
        self.0.push_bind(format!("{digits}%"));
    }

    /// A telephone number of either side, for a filter that looks at several joined tables.
    pub fn either_phone(&mut self, value: &Option<String>, sides: &[Side]) {
        let digits = value.as_deref().map_or(0, |value| backwards(value).len());
        if digits >= SELECTIVE {
            self.among(value, Self::phone, sides);
        }
        self.any_side(value, Self::phone, sides);
    }

    /// An email address of either side.
    pub fn either_email(&mut self, value: &Option<String>, sides: &[Side]) {
        self.among(value, Self::email, sides);
        self.any_side(value, Self::email, sides);
    }

    /// The ids first, because only with them in hand an index finds the rows.
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

/// From so many digits on there are few of a number's end.
const SELECTIVE: usize = 3;

/// A joined table that a filter looks at.
#[derive(Clone, Copy, Debug)]
pub struct Side {
    /// The column, with the table's alias.
    pub column: &'static str,
    /// What points to the table.
    pub key: &'static str,
    /// A query for its ids, with the same alias and without conditions.
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
