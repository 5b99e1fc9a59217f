//! What an engine did on devices.

/// What an engine did on devices so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Dispatches encoded.
    pub dispatches: u64,
    /// Submissions to a queue, without those that only read results.
    pub submissions: u64,
    /// Calls for steps that shared their dispatches with those of other engines.
    pub batched: u64,
    /// Reads of the control points and moments from which a lost device is replaced.
    pub read_backs: u64,
    /// Devices that replaced a lost one.
    pub recoveries: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, more: Self) {
        self.dispatches += more.dispatches;
        self.submissions += more.submissions;
        self.batched += more.batched;
        self.read_backs += more.read_backs;
        self.recoveries += more.recoveries;
    }
}
