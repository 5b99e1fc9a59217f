//! Types of numbers in NumPy's arrays.

use super::Numbers;

/// What kind of number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `b`
    Bool,
    /// `i`
    Signed,
    /// `u`
    Unsigned,
    /// `f`
    Float,
}

/// A type of numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dtype {
    /// What kind.
    pub kind: Kind,
    /// Bytes of a number.
    pub size: usize,
    big_endian: bool,
}

impl std::fmt::Display for Dtype {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            Kind::Bool => return f.write_str("bool"),
            Kind::Signed => "int",
            Kind::Unsigned => "uint",
            Kind::Float => "float",
        };
        write!(f, "{kind}{}", 8 * self.size)
    }
}

impl Dtype {
    /// The type that NumPy calls `<f8`, `|u1`.
    pub(super) fn named(descr: &str) -> Option<Self> {
        let mut letters = descr.chars();
        let big_endian = match letters.next()? {
            '>' => true,
            '<' | '|' => false,
            '=' => cfg!(target_endian = "big"),
            _ => return None,
        };
        let kind = match letters.next()? {
            'b' => Kind::Bool,
            'i' => Kind::Signed,
            'u' => Kind::Unsigned,
            'f' => Kind::Float,
            _ => return None,
        };
        let size = letters.as_str().parse().ok()?;
        let known = match kind {
            Kind::Bool => size == 1,
            Kind::Signed | Kind::Unsigned => [1, 2, 4, 8].contains(&size),
            Kind::Float => [2, 4, 8].contains(&size),
        };
        known.then_some(Self { kind, size, big_endian })
    }

    /// The numbers of a body, from the memory order of Fortran where a shape is given.
    pub(super) fn decode(self, body: &[u8], fortran: Option<&[usize]>) -> Numbers {
        /// In the order of the last axis.
        fn all<const N: usize, T>(
            body: &[u8],
            fortran: Option<&[usize]>,
            one: impl Fn([u8; N]) -> T,
        ) -> Vec<T> {
            let numbers = body.as_chunks::<N>().0;
            match fortran {
                None => numbers.iter().map(|&bytes| one(bytes)).collect(),
                Some(shape) => fortran_order(shape).map(|i| one(numbers[i])).collect(),
            }
        }
        macro_rules! of {
            ($type:ty, $variant:ident, $to:ty) => {
                Numbers::$variant(match self.big_endian {
                    true => all(body, fortran, |bytes| <$type>::from_be_bytes(bytes) as $to),
                    false => all(body, fortran, |bytes| <$type>::from_le_bytes(bytes) as $to),
                })
            };
        }
        match (self.kind, self.size) {
            (Kind::Bool, _) => {
                Numbers::F32(all(body, fortran, |[byte]: [u8; 1]| f32::from(u8::from(byte != 0))))
            }
            (Kind::Signed, 1) => of!(i8, F32, f32),
            (Kind::Signed, 2) => of!(i16, F32, f32),
            (Kind::Signed, 4) => of!(i32, F64, f64),
            (Kind::Signed, _) => of!(i64, F64, f64),
            (Kind::Unsigned, 1) => of!(u8, F32, f32),
            (Kind::Unsigned, 2) => of!(u16, F32, f32),
            (Kind::Unsigned, 4) => of!(u32, F64, f64),
            (Kind::Unsigned, _) => of!(u64, F64, f64),
            (Kind::Float, 2) => {
                let decode =
                    if self.big_endian { half::f16::from_be_bytes } else { half::f16::from_le_bytes };
                Numbers::F32(all(body, fortran, |bytes| decode(bytes).to_f32()))
            }
            (Kind::Float, 4) => of!(f32, F32, f32),
            (Kind::Float, _) => of!(f64, F64, f64),
        }
    }
}

/// The places of the elements in a file whose first axis is contiguous, in the order of the last axis.
fn fortran_order(shape: &[usize]) -> impl Iterator<Item = usize> {
    let strides: Vec<usize> = shape
        .iter()
        .scan(1, |stride, &axis| {
            let this = *stride;
            *stride *= axis;
            Some(this)
        })
        .collect();
    let shape = shape.to_vec();
    let (count, mut at, mut next) = (shape.iter().product::<usize>(), vec![0; shape.len()], 0);
    (0..count).map(move |_| {
        let this = next;
        for axis in (0..shape.len()).rev() {
            at[axis] += 1;
            next += strides[axis];
            if at[axis] < shape[axis] {
                break;
            }
            next -= strides[axis] * shape[axis];
            at[axis] = 0;
        }
        this
    })
}
