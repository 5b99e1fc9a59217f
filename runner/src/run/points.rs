//! The files of control points.

use crate::checkpoint;
use crate::error::Result;
use crate::model::State;
use crate::store::Store;
use valleys_core::simplex::{ControlPointId, ControlPoints, Simplex, control_points_len};

/// The folder of the minima.
const MINIMA: &str = "minima";

/// Memory for the ids of the control points of a simplex at a depth.
pub fn id_memory(simplex: Simplex, depth: usize) -> Vec<ControlPointId> {
    vec![ControlPointId::default(); control_points_len(simplex.dimension() + 1, depth)]
}

/// The control points of a simplex at a depth. The configuration was checked: the depth is valid.
pub fn new_control_points(
    simplex: Simplex,
    depth: usize,
    memory: &mut [ControlPointId],
) -> ControlPoints<'_> {
    ControlPoints::new(simplex.dimension() + 1, depth, memory).expect("the configuration was checked")
}

/// The face of `simplex` whose interior contains a control point, and the id of the control point in that face.
pub fn owning_face(simplex: Simplex, id: &ControlPointId) -> (Simplex, ControlPointId) {
    let support = id.support();
    let vertices = simplex.vertices().enumerate().filter(|(i, _)| support >> i & 1 == 1);
    let mask = vertices.fold(0, |mask, (_, v)| mask | 1 << v);
    (Simplex::new(mask).expect("the support of a control point is not empty"), id.within_support())
}

/// The file name of an interior control point of a simplex. `0-1` is the midpoint of edge 0-1. `0-1@3-1` is the point
/// with barycentric coordinates in the ratio 3 : 1, a quarter of the way from 0 to 1.
pub fn file_name(simplex: Simplex, id: &ControlPointId) -> String {
    let ratio = &id.ratio()[..simplex.dimension() + 1];
    if ratio.iter().all(|&x| x == 1) {
        format!("{simplex}.safetensors")
    } else {
        let ratio: Vec<String> = ratio.iter().map(u32::to_string).collect();
        format!("{simplex}@{}.safetensors", ratio.join("-"))
    }
}

/// The folder of a minimum. All fits share it.
pub fn minimum_folder(vertex: Simplex) -> String {
    format!("{MINIMA}/{vertex}")
}

/// Reads an interior control point of the face `face`. The copy that was fitted with `simplex` has precedence over the
/// one that was fitted with the face itself.
pub fn read_control_point(
    store: &Store,
    state: &State,
    folder: impl Fn(Simplex) -> String,
    simplex: Simplex,
    face: Simplex,
    id: &ControlPointId,
) -> Result<Vec<f32>> {
    let name = file_name(face, id);
    let private_copy = format!("{}/{name}", folder(simplex));
    let path = if store.has(&private_copy) { private_copy } else { format!("{}/{name}", folder(face)) };
    let file = checkpoint::decode(&store.root().join(&path), &store.read(&path)?, state, false)?;
    Ok(file.theta)
}
