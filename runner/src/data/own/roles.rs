//! Which column of a table is what: targets, split, features, and columns that are left out.

use super::frame::{Column, Gathered, Inputs, Parts, Values, data_error, key_error};
use super::read::Told;
use super::table::Frame;
use crate::config::{self, Data};
use crate::error::Result;
use crate::formats::shown;
use crate::wording::nearest;

/// Names of columns that number the rows.
const NUMBERS: [&str; 3] = ["index", "id", "unnamed: 0"];

impl Frame {
    /// The place of a column that a key names.
    ///
    /// # Errors
    /// There is none, with the nearest name or all of them.
    pub(super) fn find(&self, key: &str, column: &config::Column) -> Result<usize> {
        let count = self.columns.len();
        let named = |name: &str| self.columns.iter().position(|column| column.name == name);
        let place = match column {
            config::Column::Name(name) => named(name),
            config::Column::Number(number) => {
                let place = if *number < 0 { number + count as i64 } else { *number };
                let place = usize::try_from(place).ok().filter(|&place| place < count);
                place.or_else(|| named(&number.to_string()))
            }
        };
        place.ok_or_else(|| {
            let names = || self.columns.iter().map(|column| column.name.as_str());
            let hint = match column {
                config::Column::Name(name) => nearest(name, names()),
                config::Column::Number(_) => String::new(),
            };
            let all = if self.named { list(names()) } else { format!("0 to {}", count - 1) };
            key_error(format!(
                "{key}: no column {column} in {}{hint}; the columns are {all}",
                self.places.file()
            ))
        })
    }

    /// The places of columns that a key names.
    pub(super) fn find_all(&self, key: &str, columns: Option<&config::Columns>) -> Result<Vec<usize>> {
        let mut places = Vec::new();
        for column in columns.map_or(&[][..], config::Columns::list) {
            let place = self.find(key, column)?;
            if places.contains(&place) {
                return Err(key_error(format!("{key}: column {column} is named twice")));
            }
            places.push(place);
        }
        Ok(places)
    }

    /// Whether a key names one of the columns.
    pub(super) fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name == name)
    }

    /// Names of the columns that hold texts.
    pub(super) fn text_columns(&self) -> Vec<&str> {
        let texts = self.columns.iter().filter(|column| matches!(column.values, Values::Texts { .. }));
        texts.map(|column| column.name.as_str()).collect()
    }

    /// Adds the rows of the file of the test part: columns of the same names in any order.
    ///
    /// # Errors
    /// A column that is not in both, texts where the first file has numbers.
    pub(super) fn append(&mut self, mut other: Self, ignored: &[String]) -> Result<()> {
        let (first, second) = (self.places.file(), other.places.file());
        if self.named != other.named {
            let (with, without) = if self.named { (&first, &second) } else { (&second, &first) };
            return Err(data_error(format!(
                "{with} names its columns and {without} does not (key data.header)"
            )));
        }
        let is_ignored = |name: &String| ignored.contains(name);
        for (a, b, in_a, in_b) in [(&*self, &other, &first, &second), (&other, &*self, &second, &first)] {
            let missing = a.columns.iter().find(|column| !b.has(&column.name) && !is_ignored(&column.name));
            if let Some(column) = missing {
                return Err(data_error(format!(
                    "column `{}` of {in_a} is not in {in_b}",
                    shown(&column.name)
                )));
            }
        }
        self.columns.retain(|column| !is_ignored(&column.name));
        for column in &mut self.columns {
            let place =
                other.columns.iter().position(|twin| twin.name == column.name).expect("it was sought");
            let twin = other.columns.swap_remove(place);
            let mixed = twin.mixed.clone();
            if !column.values.extend(twin.values) {
                let why = mixed.map_or(String::new(), |mixed| format!(": {mixed}"));
                let what =
                    format!("column `{}` holds numbers in {first} and texts in {second}{why}", column.name);
                return Err(data_error(what));
            }
        }
        self.rows += other.rows;
        self.places.extend(other.places);
        Ok(())
    }

    /// Gives each column its role. `given` are targets from a file of their own, `parts` those that the files say.
    ///
    /// # Errors
    /// Columns that are not there or have two roles; no target, no features.
    pub(super) fn into_gathered(
        mut self,
        keys: &Data,
        given: Option<Vec<Column>>,
        mut parts: Parts,
        Told { told, notes, .. }: &mut Told,
    ) -> Result<Gathered> {
        let file = self.places.file();
        let (rows, columns) = (self.rows, self.columns.len());
        let ignored = self.find_all("data.ignore", keys.ignore.as_ref())?;
        let targets = self.find_all("data.label", keys.label.as_ref())?;
        let categories = self.find_all("data.categories", keys.categories.as_ref())?;
        let split = match &keys.split {
            Some(config::Split::Named(name)) if parts == Parts::Unknown => {
                Some(self.find("data.split", &config::Column::Name(name.clone()))?)
            }
            _ => None,
        };
        match (&given, &targets[..]) {
            (None, []) => {
                let names = list(self.columns.iter().map(|column| column.name.as_str()));
                return Err(key_error(format!(
                    "data.label names the column of the target of {file}: {names}"
                )));
            }
            (Some(_), [_, ..]) => {
                let what = "data.label names a column and data.labels a file: give one of them";
                return Err(key_error(what));
            }
            _ => {}
        }
        let roles = [("data.ignore", &ignored), ("data.label", &targets), ("data.categories", &categories)];
        for (i, (key, places)) in roles.iter().enumerate() {
            let twice = |&&place: &&usize| {
                roles[i + 1..].iter().any(|(_, others)| others.contains(&place)) || split == Some(place)
            };
            if let Some(&place) = places.iter().find(twice) {
                let name = &self.columns[place].name;
                return Err(key_error(format!(
                    "{key} names the column `{name}`, which another key names too"
                )));
            }
        }
        let is_feature =
            |place: usize| !(ignored.contains(&place) || targets.contains(&place) || split == Some(place));
        let mut features: Vec<usize> = (0..columns).filter(|&place| is_feature(place)).collect();
        features.retain(|&place| {
            let column = &self.columns[place];
            let unnamed = self.first_unnamed && place == 0;
            let numbers = !categories.contains(&place)
                && NUMBERS.contains(&column.name.to_lowercase().as_str())
                && counts(&column.values, self.places.first_rows());
            if unnamed {
                told.push(format!("{file}: column 0 has no name and is left out, as names of rows are"));
            } else if numbers {
                told.push(format!("{file}: column `{}` numbers the rows and is left out", column.name));
            } else if !categories.contains(&place) && is_called_id(&column.name) && identifies(&column.values) {
                notes.push(format!(
                    "column `{}` has another whole number in every row, as identifiers have, and is a feature; data.ignore \
                     leaves it out",
                    column.name
                ));
            }
            !(unnamed || numbers)
        });
        if features.is_empty() {
            return Err(data_error(format!(
                "{file}: no column is left for the features, of {columns} columns"
            )));
        }
        for &place in &categories {
            let values = &mut self.columns[place].values;
            if let Values::Numbers(_) = values {
                let (codes, texts) = values.categories();
                *values = Values::Texts { codes, texts };
            }
        }
        if let Some(place) = split {
            parts = super::split::by_column(&self.columns[place], &self.places, told)?;
        }
        let mut columns_left: Vec<Option<Column>> = self.columns.into_iter().map(Some).collect();
        let mut take = |place: &usize| columns_left[*place].take().expect("a column has one role");
        let targets = given.unwrap_or_else(|| targets.iter().map(&mut take).collect());
        let inputs =
            Inputs::Columns { columns: features.iter().map(&mut take).collect(), is_array: self.is_array };
        Ok(Gathered { inputs, targets, parts, places: self.places, rows, columns })
    }
}

/// Whether numbers count the rows from 0 or 1, all of them or those of each file anew.
fn counts(values: &Values, first_rows: impl Iterator<Item = usize>) -> bool {
    let Values::Numbers(numbers) = values else { return false };
    let of = |numbers: &[f64]| {
        let from = numbers.first().copied().unwrap_or(0.0);
        [0.0, 1.0].contains(&from) && (0..).zip(numbers).all(|(i, &x)| x == from + f64::from(i))
    };
    let starts: Vec<usize> = first_rows.collect();
    let ends = starts.iter().skip(1).copied().chain([numbers.len()]);
    !numbers.is_empty()
        && (of(numbers) || starts.iter().zip(ends).all(|(&start, end)| of(&numbers[start..end])))
}

/// Whether a name is that of a column of identifiers.
fn is_called_id(name: &str) -> bool {
    let name = name.to_lowercase();
    name == "id" || name.ends_with("_id") || name.ends_with(" id") || name.ends_with("-id")
}

/// Whether every row has a whole number of its own.
fn identifies(values: &Values) -> bool {
    let Values::Numbers(numbers) = values else { return false };
    let mut sorted = numbers.clone();
    sorted.sort_by(f64::total_cmp);
    sorted.iter().all(|x| x.fract() == 0.0) && sorted.windows(2).all(|pair| pair[0] != pair[1])
}

/// Names for a message, the first twenty.
pub(super) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(shown).collect();
    match names.len() {
        0..=20 => names.join(", "),
        count => format!("{} and {} more", names[..20].join(", "), count - 20),
    }
}
