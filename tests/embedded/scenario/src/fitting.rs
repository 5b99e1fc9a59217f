//! Algorithms 1 and 2 on the three-well ring in three variables, turned by a random rotation: three minima, three
//! curves, a triangle; each is fitted and measured on its lattice, then the seven are a filtered complex. All of it
//! twice: with t drawn uniformly, and where the loss is high.

use crate::union_find::tell;
use crate::{Error, Record};
use valleys_core::engine::{
    Direct, Engine, Function, FunctionLoss, Optimizer, Slots, Split, Step, Value, rotate, rotation,
};
use valleys_core::evaluation::{evaluate_lattice, segment};
use valleys_core::fit::{self, Cells, Faces, Fit, OptimizerOptions, PeakSampling, Sampling, Schedule};
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_core::simplex::{
    ControlPointId, ControlPoints, EdgewiseSubdivision, Lattice, Mix, Simplex, control_points_len,
};
use valleys_core::topology::{Filtration, ReductionMatrix, filtration_len, reduce};

const FUNCTION: Function = Function::ThreeWellRing;
const DIM: usize = 3;
const SEED: u64 = 7;
/// Intervals on an edge of the lattice.
const N: u32 = 12;
const POINTS: usize = Lattice::new(3, N).len();
/// Control points of the triangle, and its faces: the simplices 0b001 to 0b111.
const FACES: usize = control_points_len(3, 1);
/// Steps that go to the engine in one call.
const STEPS: usize = 10;
const CELLS_ON_EDGE: u32 = 6;
const PEAKED: PeakSampling = PeakSampling {
    power: 8,
    uniform: 0.3,
    cells: Cells::OnEdge(CELLS_ON_EDGE),
    samples: 1,
    ema_rate: 0.2,
    measure_every: 0,
    tangent_removal: 1.0,
    spacing: 0.0,
};
/// Cells of the triangle; as many points of a lattice go to the engine in one call.
const CELLS: usize = EdgewiseSubdivision::new(3, CELLS_ON_EDGE).len();
/// Points that are measured: those of the cells of a triangle, and its interior control point.
const MEASURED: usize = CELLS + 1;

/// Control points of all faces, the engine, a simplex at work, the complex.
#[derive(Debug)]
pub struct Memory {
    centres: [[f32; DIM]; FACES],
    peaks: [f64; FACES],
    rotation: [f64; DIM * DIM],
    vectors: [f64; 2 * DIM],
    theta: [f32; 2 * DIM],
    slots: [f32; Slots::memory_len(FACES, DIM)],
    ids: [ControlPointId; FACES],
    steps: [Step; STEPS],
    losses: [f32; STEPS],
    drawn_cells: [u32; STEPS],
    points: [Mix; MEASURED],
    cumulative: [f64; MEASURED],
    before: [f32; DIM],
    values: [Value; POINTS],
    lattice: [f64; POINTS],
    words: [u32; filtration_len(FACES, 12)],
    scratch: [u32; FACES + 3],
    partner: [u32; FACES],
}

impl Memory {
    /// All zero.
    #[expect(clippy::new_without_default, reason = "for statics")]
    pub const fn new() -> Self {
        Self {
            centres: [[0.0; DIM]; FACES],
            peaks: [0.0; FACES],
            rotation: [0.0; DIM * DIM],
            vectors: [0.0; 2 * DIM],
            theta: [0.0; 2 * DIM],
            slots: [0.0; Slots::memory_len(FACES, DIM)],
            ids: [ControlPointId::BLANK; FACES],
            steps: [const { Step { mix: Mix::new(), rate: 0.0, batch: 0 } }; STEPS],
            losses: [0.0; STEPS],
            drawn_cells: [0; STEPS],
            points: [const { Mix::new() }; MEASURED],
            cumulative: [0.0; MEASURED],
            before: [0.0; DIM],
            values: [Value { loss: 0.0, error: None }; POINTS],
            lattice: [0.0; POINTS],
            words: [0; filtration_len(FACES, 12)],
            scratch: [0; FACES + 3],
            partner: [0; FACES],
        }
    }
}

/// Fits minima, then curves, then the triangle; tells their points and losses, the segment and the barcode.
///
/// # Errors
/// None, if the core is right.
pub fn run(memory: &mut Memory, record: &mut Record<'_>) -> Result<(), Error> {
    rotation(SEED, DIM, &mut memory.rotation)?;
    barcode("uniform", Sampling::Uniform, memory, record)?;
    barcode("peak", Sampling::Peak(PEAKED), memory, record)
}

fn barcode(
    name: &'static str,
    sampling: Sampling,
    memory: &mut Memory,
    record: &mut Record<'_>,
) -> Result<(), Error> {
    for dimension in 0..3 {
        for simplex in Simplex::new(0b111).iter().flat_map(|all| all.faces()) {
            if simplex.dimension() == dimension {
                fit(simplex, sampling, memory, record)?;
            }
        }
    }

    record.of(name);
    memory.lattice.iter_mut().zip(&memory.values).for_each(|(loss, value)| *loss = value.loss);
    let found = segment(N, &memory.lattice)?;
    found.edges.iter().for_each(|peak| record.put("edge", *peak));
    record.put("birth", found.birth);
    record.put("death", found.death);

    let peaks = memory.peaks;
    let cells = (1..=FACES as u64).filter_map(Simplex::new);
    let cells = cells.map(|simplex| (simplex.vertices(), peaks[simplex.mask() as usize - 1]));
    let filtration = Filtration::build(cells, &mut memory.lattice, &mut memory.words)?;
    tell(
        &reduce(&filtration, ReductionMatrix::Boundary, 1, &mut memory.scratch, &mut memory.partner)?,
        record,
    );
    Ok(())
}

/// Fits one simplex whose faces are fitted; leaves its values on the lattice in `memory.values`.
fn fit(
    simplex: Simplex,
    sampling: Sampling,
    memory: &mut Memory,
    record: &mut Record<'_>,
) -> Result<(), Error> {
    let Memory { centres, .. } = memory;
    let vertices = simplex.dimension() + 1;
    let controls = control_points_len(vertices, 1);
    let frame = ControlPoints::new(vertices, 1, &mut memory.ids[..controls])?;
    let slots = &mut memory.slots[..Slots::memory_len(controls, DIM)];
    let loss = FunctionLoss::new(FUNCTION, DIM, &memory.rotation, &mut memory.vectors[..])?;
    let mut engine = Direct::new(loss, slots, &mut memory.theta[..])?;

    centres[simplex.mask() as usize - 1] = start(simplex, centres, &memory.rotation);
    for (slot, position) in (0..).zip(frame.ids()) {
        engine.put(slot, &centres[face(simplex, position.support()) - 1])?;
    }
    let fit = Fit {
        key: Key::new(SEED, simplex.mask()),
        faces: Faces::Fixed,
        sampling,
        optimizer: OptimizerOptions {
            learning_rate: 0.02,
            optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: false },
            weight_decay: 0.0,
            max_gradient_norm: f32::INFINITY,
        },
        schedule: Schedule::Linear,
        epochs: 0..30,
    };
    record.of(["minimum", "curve", "triangle"][simplex.dimension()]);
    let cells = fit.cells_len(&frame);
    let fitting = fit::Memory {
        steps: &mut memory.steps,
        losses: &mut memory.losses,
        drawn_cells: &mut memory.drawn_cells,
        cell_points: &mut memory.points[..cells],
        cell_losses: &mut memory.values[..cells],
        cumulative: &mut memory.cumulative[..cells],
        lowest: &mut memory.before[..fit.lowest_len(&frame, DIM)],
        points: &mut [],
        pieces: &mut [],
    };
    fit.run(&mut engine, &frame, fitting, |epoch| {
        record.put("loss", epoch.loss);
    })?;
    let centre = &mut centres[simplex.mask() as usize - 1];
    engine.get(frame.interior() as u32, centre)?;
    centre.iter().for_each(|theta| record.put("theta", *theta));

    let values = &mut memory.values[..Lattice::new(vertices, N).len()];
    evaluate_lattice(&mut engine, &frame, N, &[Split::Train], None, &mut memory.points, values)?;
    values.iter().for_each(|value| record.put("value", value.loss));
    // The faces lie on the lattice too, so the filtration is monotone.
    memory.peaks[simplex.mask() as usize - 1] =
        values.iter().fold(f64::NEG_INFINITY, |peak, value| peak.max(value.loss));
    Ok(())
}

/// Where the control point of a simplex starts: a minimum near its well, others at the mean of their vertices.
fn start(simplex: Simplex, centres: &[[f32; DIM]; FACES], rotation: &[f64]) -> [f32; DIM] {
    let mut theta = [0.0; DIM];
    if simplex.dimension() == 0 {
        let mut stream = Stream::new(Key::new(SEED, simplex.mask()), Purpose::Perturbation, 0, 0);
        let [x, y, _] = FUNCTION.wells()[simplex.mask().trailing_zeros() as usize];
        let near = [x, y, 0.0].map(|x| x + stream.symmetric(0.1));
        rotate(rotation, &near, &mut theta);
    } else {
        let share = 1.0 / (simplex.dimension() + 1) as f32;
        for vertex in simplex.vertices() {
            theta.iter_mut().zip(&centres[(1 << vertex) - 1]).for_each(|(to, from)| *to += share * from);
        }
    }
    theta
}

/// The mask of the face that has these local vertices of a simplex.
fn face(simplex: Simplex, local: u32) -> usize {
    simplex
        .vertices()
        .enumerate()
        .filter(|(i, _)| local >> i & 1 == 1)
        .fold(0, |mask, (_, vertex)| mask | 1 << vertex)
}
