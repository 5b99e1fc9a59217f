//! Short lists of the points that may be nearest.

/// Length of a list. Longer ones leave less to do later and cost more to fill.
pub const CAPACITY: usize = 8;

/// For one point, others with a lower bound of their squared distance: those with the least bounds, ascending, equal
/// ones by number.
#[derive(Clone, Copy)]
pub struct CandidateList {
    bounds: [f32; CAPACITY],
    points: [u32; CAPACITY],
}

/// What keeps those that may be near a point.
pub trait Candidates: Clone + Send {
    /// What a bound must be less than.
    fn limit(&self) -> f32;

    /// Keeps a point whose bound is less than the limit.
    fn insert(&mut self, bound: f32, point: u32);

    /// Keeps what another one does, too.
    fn merge(&mut self, other: &Self);
}

/// Everybody whose bound is less than a limit.
#[derive(Clone)]
pub struct CandidatesBelow {
    pub limit: f32,
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

/// No point.
pub const NO_POINT: u32 = u32::MAX;

impl CandidateList {
    /// Nobody is known yet.
    pub const NONE: Self = Self { bounds: [f32::INFINITY; CAPACITY], points: [NO_POINT; CAPACITY] };

    /// Everybody listed, with bounds.
    pub fn iter(&self) -> impl Iterator<Item = (f32, u32)> + '_ {
        let all = self.bounds.iter().copied().zip(self.points.iter().copied());
        all.take_while(|&(_, point)| point != NO_POINT)
    }
}

impl Candidates for CandidateList {
    /// Whoever is not listed is no nearer than this.
    #[inline(always)]
    fn limit(&self) -> f32 {
        self.bounds[CAPACITY - 1]
    }

    /// Behind all whose bounds are not larger.
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

    /// The list of all that were shown to either.
    fn merge(&mut self, other: &Self) {
        let mut both: Vec<(f32, u32)> = self.iter().chain(other.iter()).collect();
        both.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        *self = Self::NONE;
        for (i, entry) in both.into_iter().take(CAPACITY).enumerate() {
            (self.bounds[i], self.points[i]) = entry;
        }
    }
}
