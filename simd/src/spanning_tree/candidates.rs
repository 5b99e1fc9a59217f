//! Lists of the points that may be nearest to a point.

/// Points of a [`CandidateList`]. Longer lists leave less to resolve later and cost more to fill.
const CAPACITY: usize = 8;

/// No point.
pub const NO_POINT: u32 = u32::MAX;

/// A collection of the points that may be near to one point.
pub trait Candidates: Clone + Send {
    /// Points whose lower bound is at least this are not wanted.
    fn limit(&self) -> f32;

    /// Adds a point whose lower bound is below the limit.
    fn insert(&mut self, bound: f32, point: u32);

    /// Adds the points of another collection.
    fn merge(&mut self, other: &Self);
}

/// All points whose lower bound is below a fixed limit.
#[derive(Clone)]
pub struct CandidatesBelow {
    /// The limit.
    pub limit: f32,
    /// The points, in no order.
    pub points: Vec<u32>,
}

impl Candidates for CandidatesBelow {
    fn limit(&self) -> f32 {
        self.limit
    }

    fn insert(&mut self, _: f32, point: u32) {
        self.points.push(point);
    }

    fn merge(&mut self, other: &Self) {
        self.points.extend_from_slice(&other.points);
    }
}

/// The points with the least lower bounds of their squared distance: ascending by bound, then by number.
#[derive(Clone, Copy)]
pub struct CandidateList {
    bounds: [f32; CAPACITY],
    points: [u32; CAPACITY],
}

impl CandidateList {
    /// A list without points.
    pub const EMPTY: Self = Self { bounds: [f32::INFINITY; CAPACITY], points: [NO_POINT; CAPACITY] };

    /// The points with their bounds.
    pub fn iter(&self) -> impl Iterator<Item = (f32, u32)> + '_ {
        let all = self.bounds.iter().copied().zip(self.points.iter().copied());
        all.take_while(|&(_, point)| point != NO_POINT)
    }
}

impl Candidates for CandidateList {
    /// A lower bound for every point that is not listed.
    #[inline(always)]
    fn limit(&self) -> f32 {
        self.bounds[CAPACITY - 1]
    }

    /// Inserts after all points whose bounds are not larger.
    #[inline(always)]
    fn insert(&mut self, bound: f32, point: u32) {
        let mut at = CAPACITY - 1;
        while at > 0 && self.bounds[at - 1] > bound {
            self.bounds[at] = self.bounds[at - 1];
            self.points[at] = self.points[at - 1];
            at -= 1;
        }
        (self.bounds[at], self.points[at]) = (bound, point);
    }

    fn merge(&mut self, other: &Self) {
        let mut both: Vec<(f32, u32)> = self.iter().chain(other.iter()).collect();
        both.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        *self = Self::EMPTY;
        for (i, entry) in both.into_iter().take(CAPACITY).enumerate() {
            (self.bounds[i], self.points[i]) = entry;
        }
    }
}
