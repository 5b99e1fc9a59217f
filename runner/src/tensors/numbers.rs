//! The number types of tensors, as f32 or f64.

use safetensors::Dtype;

/// The numbers of a tensor. Every type of at most 32 bits is f32 exactly.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// 8-bit floats, f16, bf16, f32.
    F32(Vec<f32>),
    /// f64.
    F64(Vec<f64>),
}

impl Numbers {
    /// In single precision, rounded where need be.
    pub fn single(self) -> Vec<f32> {
        match self {
            Self::F32(numbers) => numbers,
            Self::F64(numbers) => numbers.into_iter().map(|x| x as f32).collect(),
        }
    }

    /// In double precision.
    pub fn double(self) -> Vec<f64> {
        match self {
            Self::F32(numbers) => numbers.into_iter().map(f64::from).collect(),
            Self::F64(numbers) => numbers,
        }
    }
}

/// Whether numbers of this type are weights: 8-bit floats, f16, bf16, f32, f64.
pub fn is_float(kind: Dtype) -> bool {
    is_float8(kind) || matches!(kind, Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64)
}

/// Whether numbers of this type have 8 bits with a sign, an exponent and a fraction.
pub fn is_float8(kind: Dtype) -> bool {
    matches!(kind, Dtype::F8_E4M3 | Dtype::F8_E5M2 | Dtype::F8_E4M3FNUZ | Dtype::F8_E5M2FNUZ)
}

/// IEEE 754 binary16 as f32, exactly.
pub fn half(bits: u16) -> f32 {
    half::f16::from_bits(bits).to_f32()
}

/// All numbers of an 8-bit type, by their bits: E4M3 and E5M2 of Micikevicius et al. (arXiv:2209.05433), their FNUZ kinds
/// of Noune et al. (arXiv:2206.02915), which have no infinity and one NaN in the place of −0, E8M0 (a power of two) of
/// the OCP microscaling formats. None for any other type.
pub fn float8_table(kind: Dtype) -> Option<[f32; 256]> {
    let decode: fn(u8) -> f32 = match kind {
        Dtype::F8_E4M3 => |bits| if bits & 0x7f == 0x7f { f32::NAN } else { float8(bits, 3, 7) },
        // Its upper half is that of binary16.
        Dtype::F8_E5M2 => |bits| half(u16::from(bits) << 8),
        Dtype::F8_E4M3FNUZ => |bits| if bits == 0x80 { f32::NAN } else { float8(bits, 3, 8) },
        Dtype::F8_E5M2FNUZ => |bits| if bits == 0x80 { f32::NAN } else { float8(bits, 2, 16) },
        Dtype::F8_E8M0 => |bits| if bits == 0xff { f32::NAN } else { 2f32.powi(i32::from(bits) - 127) },
        _ => return None,
    };
    let mut table = [0.0; 256];
    table.iter_mut().zip(0..=255).for_each(|(x, bits)| *x = decode(bits));
    Some(table)
}

/// A finite number of 8 bits: sign, exponent with this bias, fraction of so many bits.
fn float8(bits: u8, fraction_len: u32, bias: i32) -> f32 {
    let fraction = f32::from(bits & ((1 << fraction_len) - 1)) / (1u32 << fraction_len) as f32;
    let exponent = i32::from((bits & 0x7f) >> fraction_len);
    let size = match exponent {
        0 => fraction * 2f32.powi(1 - bias),
        _ => (1.0 + fraction) * 2f32.powi(exponent - bias),
    };
    if bits & 0x80 == 0 { size } else { -size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision() {
        let table =
            [(0x0000, 0.0), (0x3c00, 1.0), (0xc000, -2.0), (0x0001, 2f32.powi(-24)), (0x7bff, 65504.0)];
        for (bits, x) in table {
            assert_eq!(half(bits), x);
        }
        assert_eq!(half(0x7c00), f32::INFINITY);
        assert!(half(0x7e00).is_nan() && half(0x8000).is_sign_negative());
    }

    /// Largest, smallest and special numbers of the two papers.
    #[test]
    fn eight_bits() {
        let at = |kind, bits: u8| float8_table(kind).unwrap()[usize::from(bits)];
        assert_eq!(at(Dtype::F8_E4M3, 0x7e), 448.0);
        assert_eq!(at(Dtype::F8_E4M3, 0x01), 2f32.powi(-9));
        assert!(at(Dtype::F8_E4M3, 0xff).is_nan());
        assert_eq!(at(Dtype::F8_E5M2, 0x7b), 57344.0);
        assert_eq!(at(Dtype::F8_E5M2, 0xfc), f32::NEG_INFINITY);
        assert_eq!(at(Dtype::F8_E5M2, 0x01), 2f32.powi(-16));
        assert_eq!(at(Dtype::F8_E4M3FNUZ, 0x7f), 240.0);
        assert_eq!(at(Dtype::F8_E4M3FNUZ, 0x81), -(2f32.powi(-10)));
        assert!(at(Dtype::F8_E4M3FNUZ, 0x80).is_nan());
        assert_eq!(at(Dtype::F8_E5M2FNUZ, 0x7f), 57344.0);
        assert_eq!(at(Dtype::F8_E5M2FNUZ, 0x01), 2f32.powi(-17));
        assert_eq!(at(Dtype::F8_E8M0, 0x80), 2.0);
        assert_eq!(float8_table(Dtype::U8), None);
    }
}
