//! The map ψ of a triangle into parameter space, at depth 1 and at depth 2.
//!
//!     cargo run --release -p valleys-examples --bin psi
//!
//! ψ sends t = (t₀, t₁, t₂) to a point among seven control points: the minima θ₀, θ₁, θ₂, the control points of the
//! edges and that of the triangle itself. In the cell t₀ ≥ t₁ ≥ t₂ it is (t₀ − t₁) θ₀ + 2 (t₁ − t₂) θ₀₁ + 3 t₂ θ₀₁₂
//! (equation (6) of Voronkova, Barannikov, Burnaev). At depth 2 there are 25: the six cells have control points of
//! their own, too.

use valleys_core::simplex::{ControlPointId, ControlPoints, control_points_len};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let t = [0.5, 0.35, 0.15];
    for depth in [1, 2] {
        let mut ids = vec![ControlPointId::BLANK; control_points_len(3, depth)];
        let triangle = ControlPoints::new(3, depth, &mut ids)?;
        let mix = triangle.mix(&t);
        println!("depth {depth}, {} control points: ψ({t:?}) =", triangle.ids().len());
        for &(slot, weight) in &mix {
            // A control point lies in the triangle where its barycentric coordinates are in this ratio.
            let ratio = &triangle.ids()[slot as usize].ratio()[..3];
            println!("    {weight:.3} θ[{slot}], at {ratio:?}");
        }
        let total: f32 = mix.iter().map(|&(_, weight)| weight).sum();
        assert!((total - 1.0).abs() < 1e-6, "weights sum to one");
    }
    Ok(())
}
