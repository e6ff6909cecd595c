//! Tables with typed, documented columns: what a run records, and what files and plots are made from.

/// What a column holds.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Values {
    /// Whole numbers.
    Int(Vec<i64>),
    /// Numbers; NaN where there is none.
    Real(Vec<f64>),
    /// Words.
    Text(Vec<String>),
    /// Yes or no.
    Flag(Vec<bool>),
}

impl Values {
    /// Rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Values::Int(values) => values.len(),
            Values::Real(values) => values.len(),
            Values::Text(values) => values.len(),
            Values::Flag(values) => values.len(),
        }
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn push(&mut self, cell: Cell<'_>) {
        match (self, cell) {
            (Values::Int(values), Cell::Int(value)) => values.push(value),
            (Values::Real(values), Cell::Real(value)) => values.push(value),
            (Values::Text(values), Cell::Text(value)) => values.push(value.to_owned()),
            (Values::Flag(values), Cell::Flag(value)) => values.push(value),
            (values, cell) => panic!("{cell:?} does not belong into a column like {:?}", values.kind()),
        }
    }

    /// The kind of the column.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Values::Int(_) => Kind::Int,
            Values::Real(_) => Kind::Real,
            Values::Text(_) => Kind::Text,
            Values::Flag(_) => Kind::Flag,
        }
    }

    /// An empty column of a kind.
    #[must_use]
    pub fn empty(kind: Kind) -> Self {
        match kind {
            Kind::Int => Values::Int(Vec::new()),
            Kind::Real => Values::Real(Vec::new()),
            Kind::Text => Values::Text(Vec::new()),
            Kind::Flag => Values::Flag(Vec::new()),
        }
    }
}

/// Kinds of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers.
    Int,
    /// Numbers, or none.
    Real,
    /// Words.
    Text,
    /// Yes or no.
    Flag,
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// A whole number.
    Int(i64),
    /// A number; NaN for none.
    Real(f64),
    /// A word.
    Text(&'a str),
    /// Yes or no.
    Flag(bool),
}

impl From<u64> for Cell<'_> {
    fn from(value: u64) -> Self {
        Cell::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Cell<'_> {
    fn from(value: u32) -> Self {
        Cell::Int(i64::from(value))
    }
}

impl From<usize> for Cell<'_> {
    fn from(value: usize) -> Self {
        Cell::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

/// What a column is called, holds and means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name; ends in its unit where it has one.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What it means, for the reader of the file.
    pub about: &'static str,
}

/// A whole number.
#[must_use]
pub const fn int(name: &'static str, about: &'static str) -> Column {
    Column { name, kind: Kind::Int, about }
}

/// A number, or none.
#[must_use]
pub const fn real(name: &'static str, about: &'static str) -> Column {
    Column { name, kind: Kind::Real, about }
}

/// A word.
#[must_use]
pub const fn text(name: &'static str, about: &'static str) -> Column {
    Column { name, kind: Kind::Text, about }
}

/// Yes or no.
#[must_use]
pub const fn flag(name: &'static str, about: &'static str) -> Column {
    Column { name, kind: Kind::Flag, about }
}

/// What a table is called, means and consists of.
#[derive(Debug, PartialEq, Eq)]
pub struct Schema {
    /// The name, and that of its files.
    pub name: &'static str,
    /// What one row is.
    pub about: &'static str,
    /// The columns in order.
    pub columns: &'static [Column],
    /// Rows of one run that are kept; more are only counted.
    pub rows_max: usize,
}

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// What it consists of.
    pub schema: &'static Schema,
    /// One for each column of the schema.
    pub values: Vec<Values>,
    /// Rows that found no room.
    pub left_out: u64,
}

impl Table {
    /// Without rows.
    #[must_use]
    pub fn new(schema: &'static Schema) -> Self {
        let values = schema.columns.iter().map(|column| Values::empty(column.kind)).collect();
        Table { schema, values, left_out: 0 }
    }

    /// Rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.first().map_or(0, Values::len)
    }

    /// Adds a row if there is room.
    ///
    /// # Panics
    /// If the cells are not those of the schema.
    pub fn push(&mut self, cells: &[Cell<'_>]) {
        assert_eq!(cells.len(), self.values.len(), "a cell for each column of {}", self.schema.name);
        if self.rows() >= self.schema.rows_max {
            self.left_out += 1;
            return;
        }
        for (values, cell) in self.values.iter_mut().zip(cells) {
            values.push(*cell);
        }
    }

    /// A column by its name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Values> {
        let place = self.schema.columns.iter().position(|column| column.name == name)?;
        self.values.get(place)
    }

    /// A column as numbers; empty where it is of words or unknown.
    #[must_use]
    pub fn numbers(&self, name: &str) -> Vec<f64> {
        match self.column(name) {
            Some(Values::Int(values)) => values.iter().map(|value| *value as f64).collect(),
            Some(Values::Real(values)) => values.clone(),
            Some(Values::Flag(values)) => values.iter().map(|value| f64::from(u8::from(*value))).collect(),
            Some(Values::Text(_)) | None => Vec::new(),
        }
    }

    /// A column of words; empty where it is another kind or unknown.
    #[must_use]
    pub fn words(&self, name: &str) -> &[String] {
        match self.column(name) {
            Some(Values::Text(values)) => values,
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests;
