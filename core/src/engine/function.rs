//! Functions with known critical values (method: section 6), in f64, with their gradients.

use crate::math;

/// A test function of any number of variables: a core in the first two (or three), a bowl in the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// (x² + y − 11)² + (x + y² − 7)² + Σz². Four minima at 0.
    Himmelblau,
    /// Müller and Brown's surface + Σz². Minima −146.70, −108.17, −80.77; saddles −72.25, −40.66.
    MullerBrown,
    /// (r² − 1)² + ε(1 − cos 3φ)r² + Σz², ε = 0.1. Wells on the unit circle at 0, ±2π/3, saddles 0.19, and a
    /// hill of height 1 that every loop around the axis must cross.
    ThreeWellRing,
    /// ((r² − 1)² + ε(1 − cos 3φ)r²)·exp(−z₁²) + κΣz⁴, κ = 0.02: a disc can be lifted over the hill along z₁.
    LiftableRing,
    /// ½Σ i·x_i² / n: convex, so every segment has length 0.
    Quadratic,
}

/// ε of both rings.
pub(crate) const RIPPLE: f64 = 0.1;
/// κ of the liftable ring.
pub(crate) const QUARTIC: f64 = 0.02;

/// Müller–Brown: A, a, b, c, x⁰, y⁰ of each of the four terms (Müller and Brown, Theor. Chim. Acta 53, 1979).
pub(crate) const MULLER_BROWN: [[f64; 6]; 4] = [
    [-200.0, -1.0, 0.0, -10.0, 1.0, 0.0],
    [-100.0, -1.0, 0.0, -10.0, 0.0, 0.5],
    [-170.0, -6.5, 11.0, -6.5, -0.5, 1.5],
    [15.0, 0.7, 0.6, 0.7, -1.0, 1.0],
];

impl Function {
    /// Every function, in the order of the documentation.
    pub const ALL: [Self; 5] =
        [Self::Himmelblau, Self::MullerBrown, Self::ThreeWellRing, Self::LiftableRing, Self::Quadratic];

    /// Its name in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Himmelblau => "himmelblau",
            Self::MullerBrown => "muller-brown",
            Self::ThreeWellRing => "three-well-ring",
            Self::LiftableRing => "liftable-ring",
            Self::Quadratic => "quadratic",
        }
    }

    /// The fewest variables it needs, which is also the number it has by default.
    pub const fn least_dim(self) -> usize {
        match self {
            Self::LiftableRing => 3,
            _ => 2,
        }
    }

    /// The first two coordinates of its minima; the others are 0.
    pub const fn wells(self) -> &'static [[f64; 2]] {
        const SIN: f64 = 0.866_025_403_784_438_6;
        match self {
            Self::Himmelblau => &[
                [3.0, 2.0],
                [-2.805_118_086_952_745, 3.131_312_518_250_573],
                [-3.779_310_253_377_747, -3.283_185_991_286_17],
                [3.584_428_340_330_492, -1.848_126_526_964_404],
            ],
            Self::MullerBrown => &[
                [-0.558_223_634_6, 1.441_725_841_8],
                [0.623_499_404_9, 0.028_037_758_5],
                [-0.050_010_822_9, 0.466_694_104_9],
            ],
            Self::ThreeWellRing | Self::LiftableRing => &[[1.0, 0.0], [-0.5, SIN], [-0.5, -SIN]],
            Self::Quadratic => &[[0.0, 0.0]],
        }
    }

    /// Value at `x`; the gradient is written to `gradient`.
    ///
    /// # Panics
    /// If `x` has fewer than [`least_dim`](Self::least_dim) elements or `gradient` another number.
    pub fn gradient(self, x: &[f64], gradient: &mut [f64]) -> f64 {
        assert!(x.len() >= self.least_dim() && x.len() == gradient.len());
        let (x0, x1, z) = (x[0], x[1], &x[2..]);
        let (head, tail) = gradient.split_at_mut(2);
        match self {
            Self::Himmelblau => {
                let (a, b) = (x0 * x0 + x1 - 11.0, x0 + x1 * x1 - 7.0);
                head.copy_from_slice(&[4.0 * a * x0 + 2.0 * b, 2.0 * a + 4.0 * b * x1]);
                a * a + b * b + bowl(z, tail)
            }
            Self::MullerBrown => {
                head.fill(0.0);
                let mut sum = 0.0;
                for [height, a, b, c, cx, cy] in MULLER_BROWN {
                    let (dx, dy) = (x0 - cx, x1 - cy);
                    let term = height * math::exp(a * dx * dx + b * dx * dy + c * dy * dy);
                    head[0] += term * (2.0 * a * dx + b * dy);
                    head[1] += term * (b * dx + 2.0 * c * dy);
                    sum += term;
                }
                sum + bowl(z, tail)
            }
            Self::ThreeWellRing => ring(x0, x1, head) + bowl(z, tail),
            Self::LiftableRing => {
                let base = ring(x0, x1, head);
                let lift = math::exp(-z[0] * z[0]);
                head.iter_mut().for_each(|g| *g *= lift);
                let mut sum = base * lift;
                for (g, &z) in tail.iter_mut().zip(z) {
                    *g = 4.0 * QUARTIC * z * z * z;
                    sum += QUARTIC * z * z * z * z;
                }
                tail[0] -= 2.0 * z[0] * base * lift;
                sum
            }
            Self::Quadratic => {
                let n = x.len() as f64;
                let mut sum = 0.0;
                for (i, &x) in x.iter().enumerate() {
                    let curvature = (i + 1) as f64 / n;
                    gradient[i] = curvature * x;
                    sum += 0.5 * curvature * x * x;
                }
                sum
            }
        }
    }
}

/// Σz² and its gradient.
fn bowl(z: &[f64], gradient: &mut [f64]) -> f64 {
    z.iter().zip(gradient).fold(0.0, |sum, (&z, g)| {
        *g = 2.0 * z;
        sum + z * z
    })
}

/// (r² − 1)² + ε(1 − cos 3φ)r², with r² cos 3φ = (x³ − 3xy²)/r.
fn ring(x: f64, y: f64, gradient: &mut [f64]) -> f64 {
    let r2 = x * x + y * y;
    let r = math::sqrt(r2);
    // At the axis r² cos 3φ and its gradient tend to 0.
    let (wave, wave_x, wave_y) = if r > 0.0 {
        let cubic = x * x * x - 3.0 * x * y * y;
        let slope = cubic / (r2 * r);
        (cubic / r, (3.0 * x * x - 3.0 * y * y) / r - slope * x, -6.0 * x * y / r - slope * y)
    } else {
        (0.0, 0.0, 0.0)
    };
    let radial = 4.0 * (r2 - 1.0) + 2.0 * RIPPLE;
    gradient.copy_from_slice(&[radial * x - RIPPLE * wave_x, radial * y - RIPPLE * wave_y]);
    (r2 - 1.0) * (r2 - 1.0) + RIPPLE * (r2 - wave)
}
