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
    /// (r² − 1)² + ε(1 − cos 3φ)(1 − a cos φ)r² + Σz², ε = 0.1, a = 0.5: the ring with saddles 0.149535 (two) and 0.2775.
    UnequalRing,
    /// (ρ² − 1)² + ε(1 − 3√3 xyz/ρ³)ρ² + Σw², ε = 0.1, with ρ² = x² + y² + z²: four wells on the unit sphere, six saddles
    /// 0.0975, four saddles of index 2 at 0.19, and a hill of height 1 that every ball in the sphere must cross.
    Sphere,
}

/// ε of both rings.
pub(crate) const RIPPLE: f64 = 0.1;
/// a of the unequal ring.
pub(crate) const SKEW: f64 = 0.5;
/// 3√3 of the sphere.
pub(crate) const CUBIC: f64 = 5.196_152_422_706_632;
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
    pub const ALL: [Self; 7] = [
        Self::Himmelblau,
        Self::MullerBrown,
        Self::ThreeWellRing,
        Self::LiftableRing,
        Self::Quadratic,
        Self::UnequalRing,
        Self::Sphere,
    ];

    /// Its name in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Himmelblau => "himmelblau",
            Self::MullerBrown => "muller-brown",
            Self::ThreeWellRing => "three-well-ring",
            Self::LiftableRing => "liftable-ring",
            Self::Quadratic => "quadratic",
            Self::UnequalRing => "unequal-ring",
            Self::Sphere => "sphere",
        }
    }

    /// The fewest variables it needs, which is also the number it has by default.
    pub const fn least_dim(self) -> usize {
        match self {
            Self::LiftableRing | Self::Sphere => 3,
            _ => 2,
        }
    }

    /// The first three coordinates of its minima, or two if it has no third; the others are 0.
    pub const fn wells(self) -> &'static [[f64; 3]] {
        const SIN: f64 = 0.866_025_403_784_438_6;
        const CORNER: f64 = 0.577_350_269_189_625_8;
        match self {
            Self::Himmelblau => &[
                [3.0, 2.0, 0.0],
                [-2.805_118_086_952_745, 3.131_312_518_250_573, 0.0],
                [-3.779_310_253_377_747, -3.283_185_991_286_17, 0.0],
                [3.584_428_340_330_492, -1.848_126_526_964_404, 0.0],
            ],
            Self::MullerBrown => &[
                [-0.558_223_634_6, 1.441_725_841_8, 0.0],
                [0.623_499_404_9, 0.028_037_758_5, 0.0],
                [-0.050_010_822_9, 0.466_694_104_9, 0.0],
            ],
            Self::ThreeWellRing | Self::LiftableRing | Self::UnequalRing => {
                &[[1.0, 0.0, 0.0], [-0.5, SIN, 0.0], [-0.5, -SIN, 0.0]]
            }
            Self::Quadratic => &[[0.0; 3]],
            Self::Sphere => &[
                [CORNER, CORNER, CORNER],
                [CORNER, -CORNER, -CORNER],
                [-CORNER, CORNER, -CORNER],
                [-CORNER, -CORNER, CORNER],
            ],
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
            Self::UnequalRing => unequal_ring(x0, x1, head) + bowl(z, tail),
            Self::Sphere => {
                let (z, w) = (x[2], &x[3..]);
                let square = x0 * x0 + x1 * x1 + z * z;
                let rho = math::sqrt(square);
                // ρ² h and its gradient tend to 0 at the centre.
                let inverse = if rho > 0.0 { 1.0 / rho } else { 0.0 };
                let wave = CUBIC * x0 * x1 * z * inverse;
                let radial = 4.0 * (square - 1.0) + 2.0 * RIPPLE;
                let slope = |x: f64, others: f64| {
                    radial * x - RIPPLE * (CUBIC * others * inverse - wave * x * inverse * inverse)
                };
                head.copy_from_slice(&[slope(x0, x1 * z), slope(x1, x0 * z)]);
                tail[0] = slope(z, x0 * x1);
                (square - 1.0) * (square - 1.0) + RIPPLE * (square - wave) + bowl(w, &mut tail[1..])
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

/// (r² − 1)² + ε(1 − cos 3φ)r².
fn ring(x: f64, y: f64, gradient: &mut [f64]) -> f64 {
    let (wave, [wave_x, wave_y]) = wave(x, y);
    let r2 = x * x + y * y;
    let radial = 4.0 * (r2 - 1.0) + 2.0 * RIPPLE;
    gradient.copy_from_slice(&[radial * x - RIPPLE * wave_x, radial * y - RIPPLE * wave_y]);
    (r2 - 1.0) * (r2 - 1.0) + RIPPLE * (r2 - wave)
}

/// (r² − 1)² + ε(1 − cos 3φ)(1 − a cos φ)r².
fn unequal_ring(x: f64, y: f64, gradient: &mut [f64]) -> f64 {
    let (wave, [wave_x, wave_y]) = wave(x, y);
    let r2 = x * x + y * y;
    let r = math::sqrt(r2);
    // cos φ and its gradient; at the axis the other factor is 0.
    let (cosine, [cosine_x, cosine_y]) =
        if r > 0.0 { (x / r, [y * y / (r2 * r), -x * y / (r2 * r)]) } else { (0.0, [0.0; 2]) };
    let (ripple, factor) = (r2 - wave, 1.0 - SKEW * cosine);
    let radial = 4.0 * (r2 - 1.0);
    gradient.copy_from_slice(&[
        radial * x + RIPPLE * ((2.0 * x - wave_x) * factor - ripple * SKEW * cosine_x),
        radial * y + RIPPLE * ((2.0 * y - wave_y) * factor - ripple * SKEW * cosine_y),
    ]);
    (r2 - 1.0) * (r2 - 1.0) + RIPPLE * ripple * factor
}

/// r² cos 3φ = (x³ − 3xy²)/r and its gradient. At the axis both tend to 0.
fn wave(x: f64, y: f64) -> (f64, [f64; 2]) {
    let r2 = x * x + y * y;
    let r = math::sqrt(r2);
    if r == 0.0 {
        return (0.0, [0.0; 2]);
    }
    let cubic = x * x * x - 3.0 * x * y * y;
    let slope = cubic / (r2 * r);
    (cubic / r, [(3.0 * x * x - 3.0 * y * y) / r - slope * x, -6.0 * x * y / r - slope * y])
}
