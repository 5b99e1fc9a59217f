//! The control points of a simplex before it is fitted.

use super::Run;
use super::points::{new_control_points, owning_face, read_control_point};
use super::variant::FitVariant;
use crate::config::Faces;
use crate::error::Result;
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_core::simplex::{ControlPointId, ControlPoints, Simplex};

impl Run {
    /// The control points of a phase before its first step, by slot.
    ///
    /// Fixed control points are read from the files of the faces. In the first phase the others start on the straight
    /// simplex between the minima, or where `fit.start` says, displaced by `fit.perturbation`. In later phases they start where they leave the map
    /// of the previous phase, `fitted`, unchanged (method: section 2, refinement).
    pub(super) fn initial_points(
        &self,
        variant: &FitVariant,
        simplex: Simplex,
        control_points: &ControlPoints,
        fitted: &[(ControlPointId, Vec<f32>)],
    ) -> Result<Vec<Vec<f32>>> {
        if simplex.dimension() == 0 {
            let vertex = simplex.mask().trailing_zeros();
            let initial = || self.problem.initial(self.config.seed, vertex);
            return Ok(vec![self.loaded_minima.get(vertex as usize).cloned().unwrap_or_else(initial)]);
        }
        let fixed_len = match variant.centres(&self.config) {
            Faces::Fixed => control_points.interior(),
            Faces::Trainable if fitted.is_empty() => control_points.interior(),
            Faces::Trainable => control_points.vertices(),
        };
        let mut coarse_ids: Vec<ControlPointId> = fitted.iter().map(|(id, _)| *id).collect();
        let coarse_depth = control_points.depth() - 1;
        let coarse = (!fitted.is_empty()).then(|| new_control_points(simplex, coarse_depth, &mut coarse_ids));
        let mut points: Vec<Vec<f32>> = Vec::new();
        for (slot, id) in control_points.ids().iter().enumerate() {
            if slot < fixed_len {
                let (face, id) = owning_face(simplex, id);
                let folder = |face| variant.folder(face);
                points.push(read_control_point(&self.store, &self.state, folder, face, face, &id)?);
                continue;
            }
            let mut theta = match &coarse {
                Some(coarse) => {
                    let terms = coarse.refine(id);
                    self.linear_combination(terms.iter().map(|&(slot, w)| (w, &fitted[slot as usize].1)))
                }
                None if self.starts_at_mean(variant, simplex) => {
                    self.mean_of_faces(&points[control_points.vertices()..fixed_len])
                }
                None => {
                    let t = id.coordinates();
                    let vertices = points[..control_points.vertices()].iter().zip(t);
                    self.linear_combination(vertices.map(|(vertex, t)| (t as f32, vertex)))
                }
            };
            let perturbation = self.config.fit.perturbation;
            if perturbation > 0.0 && coarse.is_none() {
                let key = Key::new(self.config.seed, simplex.mask());
                let mut stream = Stream::new(key, Purpose::Perturbation, slot as u32, 0);
                theta.iter_mut().for_each(|theta| *theta += (perturbation * stream.normal()) as f32);
            }
            points.push(theta);
        }
        Ok(points)
    }

    /// Σ weight · θ.
    pub(super) fn linear_combination<'a>(
        &self,
        terms: impl Iterator<Item = (f32, &'a Vec<f32>)>,
    ) -> Vec<f32> {
        let mut theta = vec![0.0; self.problem.dim()];
        for (weight, term) in terms {
            theta.iter_mut().zip(term).for_each(|(theta, x)| *theta += weight * x);
        }
        theta
    }
}
