//! What is measured of predictions beside the loss.

use super::csv_table::CsvTable;

/// The error of predictions, by the task of the data: a share of wrong classes, or a root mean square deviation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorMeasure {
    /// Share of wrong arg-max, 0 to 1: columns `train_error`, `test_error`.
    #[default]
    Share,
    /// Root mean square deviation, in the unit of the target: columns `train_rmse`, `test_rmse`.
    Rmse,
}

impl ErrorMeasure {
    /// All measures.
    pub const ALL: [Self; 2] = [Self::Share, Self::Rmse];

    /// The end of the names of its columns and fields.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Share => "error",
            Self::Rmse => "rmse",
        }
    }

    /// The measure whose columns a table has.
    pub fn of_columns(table: &CsvTable) -> Self {
        if table.has_column(Self::Rmse.columns()[0]) { Self::Rmse } else { Self::Share }
    }

    /// Its name in tables and figures.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Share => "error",
            Self::Rmse => "RMSE",
        }
    }

    /// Its columns of the training and of the test samples.
    pub const fn columns(self) -> [&'static str; 2] {
        match self {
            Self::Share => ["train_error", "test_error"],
            Self::Rmse => ["train_rmse", "test_rmse"],
        }
    }

    /// What a value is multiplied by where it is shown: shares are shown in percent.
    pub const fn factor(self) -> f64 {
        match self {
            Self::Share => 100.0,
            Self::Rmse => 1.0,
        }
    }

    /// What follows a shown value.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Share => " %",
            Self::Rmse => "",
        }
    }
}
