//! Control points of a simplex, to and from files.

use crate::checkpoint;
use crate::error::Result;
use crate::model::State;
use crate::store::Store;
use valleys_core::simplex::{ControlPointId, ControlPoints, Simplex, control_points_len};

/// The folder of the minima, which all fits share.
pub const MINIMA: &str = "minima";

/// Memory for the control points of a simplex at a depth.
pub fn id_memory(simplex: Simplex, depth: usize) -> Vec<ControlPointId> {
    vec![ControlPointId::default(); control_points_len(simplex.dimension() + 1, depth)]
}

/// The control points of a simplex at a depth that the configuration allows.
pub fn new_control_points(simplex: Simplex, depth: usize, memory: &mut [ControlPointId]) -> ControlPoints<'_> {
    ControlPoints::new(simplex.dimension() + 1, depth, memory).expect("the configuration was checked")
}

/// The face of `simplex` that has a control point in its interior, and the control point's id in that face.
pub fn owning_face(simplex: Simplex, id: &ControlPointId) -> (Simplex, ControlPointId) {
    let support = id.support();
    let vertices = simplex.vertices().enumerate().filter(|(i, _)| support >> i & 1 == 1);
    let mask = vertices.fold(0, |mask, (_, v)| mask | 1 << v);
    (Simplex::new(mask).expect("a control point has a support"), id.within_support())
}

/// The file name of a control point: `0-1` for the middle of the edge 0-1, `0-1@3-1` for the point a quarter of the way
/// from 0 to 1: the ratio of its barycentric coordinates.
pub fn file_name(simplex: Simplex, id: &ControlPointId) -> String {
    let ratio = &id.ratio()[..simplex.dimension() + 1];
    if ratio.iter().all(|&x| x == 1) {
        format!("{simplex}.safetensors")
    } else {
        let ratio: Vec<String> = ratio.iter().map(u32::to_string).collect();
        format!("{simplex}@{}.safetensors", ratio.join("-"))
    }
}

/// The folder of a simplex in a fit.
pub fn folder(fit: &str, simplex: Simplex) -> String {
    let place = if simplex.dimension() == 0 { MINIMA } else { fit };
    format!("{place}/{simplex}")
}

/// Reads a control point that was fitted with the simplex `with`, or with its own face.
pub fn read_control_point(
    store: &Store,
    state: &State,
    fit: &str,
    with: Simplex,
    simplex: Simplex,
    id: &ControlPointId,
) -> Result<Vec<f32>> {
    let name = file_name(simplex, id);
    let private = format!("{}/{name}", folder(fit, with));
    let path = if store.has(&private) { private } else { format!("{}/{name}", folder(fit, simplex)) };
    let file = checkpoint::decode(&store.root().join(&path), &store.read(&path)?, state, false)?;
    Ok(file.theta)
}
