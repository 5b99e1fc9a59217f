//! Reduced scales of a configuration, for machines on which the full one would take weeks.

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// `scale`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// As the preset says.
    Full,
    /// A tenth of the samples and of the epochs, and a coarser lattice.
    Tenth,
    /// A hundredth of the samples and of the epochs: to try a preset.
    Hundredth,
}

/// Keys that are divided, rounded up. A number of samples of 0 means all.
const DIVIDED: [(&str, &str); 5] = [
    ("minima", "epochs"),
    ("curves", "epochs"),
    ("triangles", "epochs"),
    ("data", "limit"),
    ("measure", "samples"),
];

impl Scale {
    /// The name in configurations, titles and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Tenth => "tenth",
            Self::Hundredth => "hundredth",
        }
    }

    /// What a title ends with: nothing at full scale, else ", scale tenth".
    pub fn suffix(self) -> String {
        if self == Self::Full { String::new() } else { format!(", scale {}", self.name()) }
    }

    /// Reduces a complete table with `samples` training samples, if it is of data: samples, epochs, and the lattice.
    pub(super) fn apply(self, table: &mut Table, samples: Option<usize>) {
        let (divisor, most_intervals) = match self {
            Self::Full => return,
            Self::Tenth => (10, 12),
            Self::Hundredth => (100, 6),
        };
        let mut change = |section: &str, name: &str, new: &dyn Fn(i64) -> i64| {
            if let Some(Value::Integer(value)) = table.get_mut(section).and_then(|keys| keys.get_mut(name)) {
                *value = new(*value);
            }
        };
        for (section, name) in DIVIDED {
            change(section, name, &|value| {
                let is_all = (section, name) == ("data", "limit") && value == 0;
                let all = samples.map_or(0, |samples| samples as i64);
                (if is_all { all } else { value } + divisor - 1) / divisor
            });
        }
        change("lattice", "n", &|n| n.min(most_intervals));
    }
}
