//! A perceptually uniform colour map, from dark violet through teal to yellow.

/// The colour at `s` in [0, 1] as `#rrggbb`.
///
/// The lightness in OKLCh (B. Ottosson, *A perceptual color space for image processing*, 2020) is linear in `s`, so that
/// equal differences look equal, also in greyscale and to colour-blind readers.
pub fn colour(s: f64) -> String {
    let [r, g, b] = srgb(s).map(|c| (255.0 * c.clamp(0.0, 1.0)).round() as u8);
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// The sRGB components before they are clamped to [0, 1].
fn srgb(s: f64) -> [f64; 3] {
    let s = s.clamp(0.0, 1.0);
    let lightness = 0.27 + 0.65 * s;
    let hue = (305.0 - 200.0 * s).to_radians();
    // The sRGB gamut is narrowest at teal.
    let chroma = 0.135 - 0.055 * (std::f64::consts::PI * s).sin() + 0.03 * s * s;
    let (a, b) = (chroma * hue.cos(), chroma * hue.sin());
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
    [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s,
    ]
    .map(|c| if c <= 0.003_130_8 { 12.92 * c } else { 1.055 * c.powf(1.0 / 2.4) - 0.055 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_in_gamut() {
        for i in 0..=100 {
            let s = f64::from(i) / 100.0;
            assert!(srgb(s).iter().all(|c| (-0.005..=1.005).contains(c)), "{s}: {:?}", srgb(s));
        }
    }

    #[test]
    fn luminance_increases() {
        let luminance = |s| {
            let [r, g, b] = srgb(s);
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        assert!((0..100).all(|i| luminance(f64::from(i) / 100.0) < luminance(f64::from(i + 1) / 100.0)));
    }
}
