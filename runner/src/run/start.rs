//! The starts of a phase: where the control points that it trains can be before the first step, and the lowest of them.

use super::Run;
use super::fit_state::FitState;
use super::points::{id_memory, new_control_points, read_control_point};
use super::variant::FitVariant;
use crate::config::{Faces, FitStart};
use crate::engine_error::EngineError;
use crate::error::Result;
use crate::schema::PhaseStart;
use valleys_core::engine::{Engine, Value};
use valleys_core::error::Error;
use valleys_core::fit::Fit;
use valleys_core::simplex::{ControlPoints, Mix, Simplex};

/// The name of the file of starts in the folder of a fit.
pub const START: &str = "start.csv";

/// A curve starts on a chain that is lower by more than this share of its loss.
const CHAIN_GAIN: f64 = 1e-3;

/// Where the interior control points of a simplex are before the first step of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// On the straight simplex between the minima, as in the paper.
    Straight,
    /// Where the map of the previous phase is unchanged.
    Refined,
    /// All at a vertex.
    Vertex(u32),
    /// All at the mean of the control points of the faces that are not vertices.
    Mean,
    /// On the chain of two curves through a vertex: of a triangle, or a third minimum of a curve.
    Chain(u32),
}

impl Start {
    /// The name in `start.csv`, a vertex by its number in the run.
    pub fn name(self) -> String {
        match self {
            Self::Straight => "straight".to_owned(),
            Self::Refined => "refined".to_owned(),
            Self::Vertex(vertex) => format!("vertex {vertex}"),
            Self::Mean => "mean".to_owned(),
            Self::Chain(vertex) => format!("chain through {vertex}"),
        }
    }
}

/// A curve of a previous phase, with its control points by slot.
type Curve = (Simplex, Vec<Vec<f32>>);

impl Run {
    /// The starts that are compared in a phase; the first is that of [`initial_points`](Self::initial_points).
    pub(super) fn starts(&self, variant: &FitVariant, simplex: Simplex, phase: usize) -> Vec<Start> {
        let mut starts = vec![match phase {
            0 if self.starts_at_mean(variant, simplex) => Start::Mean,
            0 => Start::Straight,
            _ => Start::Refined,
        }];
        if variant.has_chains(&self.config, simplex, phase) {
            starts.extend(self.third_minima(simplex).map(Start::Chain));
        }
        if self.config.fit.start == FitStart::Lowest && self.can_choose_start(variant, simplex) {
            starts.extend((phase > 0).then_some(Start::Straight));
            starts.extend(simplex.vertices().map(Start::Vertex));
            starts.push(Start::Mean);
            if simplex.dimension() == 2 {
                starts.extend(simplex.vertices().map(Start::Chain));
            }
        }
        starts
    }

    /// Whether the interior starts elsewhere than in the paper if the configuration says so.
    fn can_choose_start(&self, variant: &FitVariant, simplex: Simplex) -> bool {
        let has_fixed_faces = variant.centres(&self.config) == Faces::Fixed;
        simplex.dimension() >= 2 && has_fixed_faces && variant.measures_cells()
    }

    /// Whether the first phase starts at the mean of the control points of the faces.
    pub(super) fn starts_at_mean(&self, variant: &FitVariant, simplex: Simplex) -> bool {
        self.config.fit.start == FitStart::Mean && self.can_choose_start(variant, simplex)
    }

    /// The minima that a chain between the ends of a curve can go through.
    fn third_minima(&self, edge: Simplex) -> impl Iterator<Item = u32> {
        let group = |vertex: u32| (vertex as usize).checked_div(self.config.minima.group).unwrap_or(0);
        let of_edge = group(edge.mask().trailing_zeros());
        (0..self.config.minima.count as u32)
            .filter(move |&vertex| group(vertex) == of_edge && edge.mask() >> vertex & 1 == 0)
    }

    /// Measures the cells of every start of a phase; returns the control points of the lowest one, and notes all of them
    /// in the state. `first` are those of the first start.
    pub(super) fn lowest_start(
        &self,
        engine: &mut dyn Engine<Error = EngineError>,
        fit: &Fit,
        (variant, simplex): (&FitVariant, Simplex),
        control_points: &ControlPoints,
        first: Vec<Vec<f32>>,
        state: &mut FitState,
    ) -> Result<std::result::Result<Vec<Vec<f32>>, EngineError>> {
        let starts = self.starts(variant, simplex, state.phase);
        let cells = fit.cells_len(control_points);
        if starts.len() == 1 || cells == 0 {
            return Ok(Ok(first));
        }
        for (slot, theta) in (0..).zip(&first) {
            if let Err(error) = engine.put(slot, theta) {
                return Ok(Err(error));
            }
        }
        let (mut points, mut losses) = (vec![Mix::new(); cells], vec![Value::default(); cells]);
        let interior = control_points.interior();
        let mut lowest: Option<(f64, usize, Vec<Vec<f32>>)> = None;
        let mut rows = Vec::new();
        for (number, start) in starts.into_iter().enumerate() {
            let inside = match start {
                _ if number == 0 => first[interior..].to_vec(),
                _ => self.interior(variant, simplex, control_points, &first, start)?,
            };
            let put = (interior as u32..).zip(&inside).try_for_each(|(slot, theta)| engine.put(slot, theta));
            let measured =
                put.and_then(|()| fit.measure_cells(engine, control_points, &mut points, &mut losses));
            let loss = match measured {
                Ok(loss) => loss,
                Err(EngineError::Call(Error::NotFinite { .. })) => f64::INFINITY,
                Err(error) => return Ok(Err(error)),
            };
            rows.push(PhaseStart {
                depth: control_points.depth(),
                start: start.name(),
                loss: loss.is_finite().then_some(loss),
                chosen: false,
            });
            let is_lower = |least: f64| match simplex.dimension() {
                // A chain that is hardly lower would only tie the curve to a minimum that it need not meet.
                1 => loss < least - CHAIN_GAIN * least.abs(),
                _ => loss < least,
            };
            if lowest.as_ref().is_none_or(|(least, ..)| is_lower(*least)) {
                lowest = Some((loss, number, inside));
            }
        }
        let Some((_, number, inside)) = lowest else { return Ok(Ok(first)) };
        rows[number].chosen = true;
        state.starts.extend(rows);
        Ok(Ok(first.into_iter().take(interior).chain(inside).collect()))
    }

    /// The interior control points of a start. `first` has those of the faces.
    fn interior(
        &self,
        variant: &FitVariant,
        simplex: Simplex,
        control_points: &ControlPoints,
        first: &[Vec<f32>],
        start: Start,
    ) -> Result<Vec<Vec<f32>>> {
        let (vertices, interior) = (control_points.vertices(), control_points.interior());
        let ids = &control_points.ids()[interior..];
        let local = |vertex: u32| simplex.vertices().position(|v| v == vertex).unwrap_or(0);
        Ok(match start {
            Start::Refined => first[interior..].to_vec(),
            Start::Straight => ids
                .iter()
                .map(|id| {
                    let t = id.coordinates();
                    self.linear_combination(first[..vertices].iter().zip(t).map(|(v, t)| (t as f32, v)))
                })
                .collect(),
            Start::Vertex(vertex) => vec![first[local(vertex)].clone(); ids.len()],
            Start::Mean => vec![self.mean_of_faces(&first[vertices..interior]); ids.len()],
            Start::Chain(middle) if vertices == 3 => {
                let chain = TriangleChain::new(control_points, first, local(middle));
                chain.parameters()[interior..].iter().map(|&f| chain.point(f)).collect()
            }
            Start::Chain(middle) => {
                let ends: Vec<u32> = simplex.vertices().collect();
                let halves =
                    [[ends[0], middle], [middle, ends[1]]].map(|ends| self.direct_curve(variant, ends));
                let [first_half, second_half] = halves;
                let (first_half, second_half) = (first_half?, second_half?);
                let depth = control_points.depth() - 1;
                ids.iter()
                    .map(|id| {
                        // The first half of the chain is the whole first curve.
                        let along = 2.0 * id.coordinates()[1];
                        let (half, along, from) = if along <= 1.0 {
                            (&first_half, along, ends[0])
                        } else {
                            (&second_half, along - 1.0, middle)
                        };
                        self.point_of_curve(half, depth, from, along)
                    })
                    .collect()
            }
        })
    }

    /// The mean of the control points of the faces that are not vertices.
    pub(super) fn mean_of_faces(&self, faces: &[Vec<f32>]) -> Vec<f32> {
        let share = 1.0 / faces.len().max(1) as f32;
        self.linear_combination(faces.iter().map(|theta| (share, theta)))
    }

    /// The curve between two minima of the phases before the last one.
    fn direct_curve(&self, variant: &FitVariant, ends: [u32; 2]) -> Result<Curve> {
        let edge = Simplex::new(1 << ends[0] | 1 << ends[1]).expect("two vertices");
        Ok((edge, self.direct_points(variant, edge)?))
    }

    /// The control points by slot of a curve of the phases before the last one.
    pub(super) fn direct_points(&self, variant: &FitVariant, edge: Simplex) -> Result<Vec<Vec<f32>>> {
        let mut memory = id_memory(edge, variant.depth - 1);
        let points = new_control_points(edge, variant.depth - 1, &mut memory);
        let ids = points.ids().iter();
        ids.map(|id| {
            let (face, id) = super::points::owning_face(edge, id);
            read_control_point(&self.store, &self.state, |face| variant.direct_folder(face), face, face, &id)
        })
        .collect()
    }

    /// The point at parameter `along`, 0 at the minimum `from`, of a curve of a depth.
    fn point_of_curve(&self, (edge, points): &Curve, depth: usize, from: u32, along: f64) -> Vec<f32> {
        let mut memory = id_memory(*edge, depth);
        let control_points = new_control_points(*edge, depth, &mut memory);
        let is_first = edge.vertices().next() == Some(from);
        let t = if is_first { [1.0 - along, along] } else { [along, 1.0 - along] };
        let terms = control_points.mix(&t);
        self.linear_combination(terms.iter().map(|&(slot, w)| (w, &points[slot as usize])))
    }
}

/// The chain γ of two edges of a triangle: from one vertex through the middle one to the other.
struct TriangleChain<'a> {
    control_points: &'a ControlPoints<'a>,
    points: &'a [Vec<f32>],
    from: usize,
    middle: usize,
    to: usize,
}

/// Points of the chain to which the control points of the third edge are compared.
const CHAIN_POINTS: usize = 256;

/// Sweeps that make f harmonic.
const SWEEPS: usize = 500;

impl<'a> TriangleChain<'a> {
    /// `points` are the control points by slot; those of the edges are used.
    fn new(control_points: &'a ControlPoints<'a>, points: &'a [Vec<f32>], middle: usize) -> Self {
        let (from, to) = [(1, 2), (0, 2), (0, 1)][middle];
        Self { control_points, points, from, middle, to }
    }

    /// γ at f, 0 at the first vertex, ½ at the middle one, 1 at the last one.
    fn point(&self, f: f64) -> Vec<f32> {
        let mut t = [0.0; 3];
        if f <= 0.5 {
            (t[self.from], t[self.middle]) = (1.0 - 2.0 * f, 2.0 * f);
        } else {
            (t[self.middle], t[self.to]) = (2.0 - 2.0 * f, 2.0 * f - 1.0);
        }
        let mut theta = vec![0.0; self.points[0].len()];
        for (slot, weight) in self.control_points.mix(&t) {
            theta.iter_mut().zip(&self.points[slot as usize]).for_each(|(to, x)| *to += weight * x);
        }
        theta
    }

    /// f at every control point: on the two edges of the chain the parameter of γ, on the third edge that of the closest
    /// point of γ, inside the mean of the control points around it.
    fn parameters(&self) -> Vec<f64> {
        let ids = self.control_points.ids();
        let chain: Vec<Vec<f32>> =
            (0..=CHAIN_POINTS).map(|i| self.point(i as f64 / CHAIN_POINTS as f64)).collect();
        let square = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(a - b) * f64::from(a - b)).sum()
        };
        let mut f: Vec<f64> = ids
            .iter()
            .enumerate()
            .map(|(slot, id)| {
                let t = id.coordinates();
                if t[self.middle] > 0.0 || slot < 3 {
                    return 0.5 * t[self.middle] + t[self.to];
                }
                let distances = chain.iter().map(|point| square(point, &self.points[slot]));
                let closest = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
                closest.map_or(0.0, |(i, _)| i as f64 / CHAIN_POINTS as f64)
            })
            .collect();
        let interior = self.control_points.interior();
        let mut around: Vec<Vec<u32>> = vec![Vec::new(); ids.len()];
        for piece in (0..self.control_points.pieces_len()).map(|number| self.control_points.piece(number)) {
            for &slot in &piece {
                around[slot as usize].extend(piece.iter().filter(|&&other| other != slot));
            }
        }
        for _ in 0..SWEEPS {
            for slot in interior..ids.len() {
                let sum: f64 = around[slot].iter().map(|&other| f[other as usize]).sum();
                f[slot] = sum / around[slot].len() as f64;
            }
        }
        f
    }
}
