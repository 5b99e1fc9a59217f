//! What can be wrong with an input, and which element it is.

use core::fmt;

/// Up to eight vertices of a simplex, enough to name it in a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SimplexName {
    vertices: [u32; 8],
    len: usize,
}

impl SimplexName {
    /// The name of the simplex with these vertices.
    pub fn new(vertices: impl IntoIterator<Item = u32>) -> Self {
        let mut name = Self { vertices: [0; 8], len: 0 };
        for v in vertices {
            if let Some(slot) = name.vertices.get_mut(name.len) {
                *slot = v;
            }
            name.len += 1;
        }
        name
    }

    /// The vertices, at most the first eight.
    pub fn vertices(&self) -> &[u32] {
        &self.vertices[..self.len.min(8)]
    }
}

impl fmt::Display for SimplexName {
    /// Vertices joined by `-`: `0-1-2`; past the eighth, their number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, v) in self.vertices().iter().enumerate() {
            if n > 0 {
                f.write_str("-")?;
            }
            write!(f, "{v}")?;
        }
        if self.len > 8 { write!(f, "-… ({} vertices)", self.len) } else { Ok(()) }
    }
}

/// Why there is no result: the element at fault, or the memory that was needed.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// An entry without vertices.
    NoVertices {
        /// Its number in the input.
        entry: usize,
    },
    /// A value that is infinite or not a number.
    NotFinite {
        /// The simplex.
        simplex: SimplexName,
        /// Its value.
        value: f64,
    },
    /// A vertex that occurs twice in one simplex.
    RepeatedVertex {
        /// The simplex.
        simplex: SimplexName,
    },
    /// A simplex that is entered twice.
    Duplicate {
        /// The simplex.
        simplex: SimplexName,
    },
    /// A face that is not in the complex.
    MissingFace {
        /// The simplex.
        simplex: SimplexName,
        /// Its absent face.
        face: SimplexName,
    },
    /// A face with a larger value than its coface.
    FaceLater {
        /// The simplex.
        simplex: SimplexName,
        /// Its value.
        value: f64,
        /// The face that comes after it.
        face: SimplexName,
        /// The face's value.
        face_value: f64,
    },
    /// A distance that is negative or not finite.
    Distance {
        /// One point.
        a: usize,
        /// The other.
        b: usize,
        /// Their distance.
        distance: f64,
    },
    /// A coordinate that is infinite or not a number.
    Coordinate {
        /// The point.
        point: usize,
        /// Which of its coordinates.
        coordinate: usize,
        /// Its value.
        value: f64,
    },
    /// A point without direction: its norm is 0, or overflows.
    NoDirection {
        /// The point.
        point: usize,
    },
    /// Coordinates that do not divide into points.
    Ragged {
        /// Coordinates of a point.
        dim: usize,
        /// Coordinates altogether.
        given: usize,
    },
    /// An interval of a diagram whose ends are not finite, but for an infinite death, or in the wrong order.
    Interval {
        /// Which of two diagrams, 0 or 1.
        diagram: usize,
        /// Its number in the diagram.
        number: usize,
        /// Its birth.
        birth: f64,
        /// Its death.
        death: f64,
    },
    /// An exponent that is less than 1 or not a number.
    Exponent {
        /// Of what.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// A value that should not be less than the one before it, or not a number.
    Unordered {
        /// Its number.
        number: usize,
        /// Its value.
        value: f64,
    },
    /// A value of a function that is infinite or not a number.
    Value {
        /// Its place among the values.
        position: usize,
        /// The value.
        value: f64,
    },
    /// Axes of a grid that are not one to three, or do not have as many points as there are values.
    Shape {
        /// Number of axes.
        axes: usize,
        /// Points of such a grid.
        points: usize,
        /// Number of values.
        given: usize,
    },
    /// More elements than 32-bit indices can name.
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many were given.
        given: usize,
    },
    /// More working memory than the budget allows.
    Memory {
        /// Bytes needed, at least.
        needed: usize,
        /// Bytes allowed.
        given: usize,
        /// The dimension that was being computed.
        dim: usize,
    },
    /// A slice of the caller's that is too short.
    Short {
        /// Which slice.
        what: &'static str,
        /// Its least length.
        needed: usize,
        /// Its length.
        given: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoVertices { entry } => write!(f, "entry {entry} has no vertices"),
            Self::NotFinite { simplex, value } => write!(f, "simplex {simplex} has the value {value}"),
            Self::RepeatedVertex { simplex } => write!(f, "simplex {simplex} has a vertex twice"),
            Self::Duplicate { simplex } => write!(f, "simplex {simplex} is entered twice"),
            Self::MissingFace { simplex, face } => {
                write!(f, "simplex {simplex} lacks its face {face}")
            }
            Self::FaceLater { simplex, value, face, face_value } => {
                write!(f, "simplex {simplex} at {value} comes before its face {face} at {face_value}")
            }
            Self::Distance { a, b, distance } => write!(f, "points {a} and {b} are at distance {distance}"),
            Self::Coordinate { point, coordinate, value } => {
                write!(f, "point {point} has the value {value} at coordinate {coordinate}")
            }
            Self::NoDirection { point } => {
                write!(f, "point {point} has no direction: its norm is 0 or overflows")
            }
            Self::Ragged { dim, given } => {
                write!(f, "{given} coordinates do not divide into points of dimension {dim}")
            }
            Self::Interval { diagram, number, birth, death } => {
                let name = if *diagram == 0 { "first" } else { "second" };
                write!(f, "interval {number} of the {name} diagram is [{birth}, {death}]")
            }
            Self::Exponent { what, value } => {
                write!(f, "the exponent of the {what} is {value}, not 1 or more")
            }
            Self::Unordered { number, value } => write!(f, "value {number}, {value}, is out of order"),
            Self::Value { position, value } => write!(f, "the value at {position} is {value}"),
            Self::Shape { axes, points, given } => {
                write!(f, "{given} values for a grid of {axes} axes and {points} points")
            }
            Self::TooMany { what, given } => write!(f, "{given} {what} are more than indices can name"),
            Self::Memory { needed, given, dim } => {
                write!(f, "dim {dim} needs {needed} bytes or more, {given} are allowed")
            }
            Self::Short { what, needed, given } => {
                write!(f, "{what}: {needed} elements needed, {given} given")
            }
        }
    }
}

impl core::error::Error for Error {}

/// Checks the length of a slice of the caller's.
pub(crate) fn enough(what: &'static str, needed: usize, given: usize) -> Result<(), Error> {
    if given < needed { Err(Error::Short { what, needed, given }) } else { Ok(()) }
}
