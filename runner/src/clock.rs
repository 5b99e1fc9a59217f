//! How long jobs train and how long they measure.
//!
//! A thread that waits for the parts of one job may run another job meanwhile, so a clock is a stack: the time of an
//! inner job does not count for the outer one.

use std::cell::RefCell;
use std::time::Instant;

/// Seconds of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct JobSeconds {
    /// Of measurements: calls of [`Engine::values`](valleys_core::engine::Engine::values), and what a study computes of
    /// weights.
    pub measuring: f64,
    /// Of everything else.
    pub training: f64,
}

struct Frame {
    seconds: JobSeconds,
    is_measuring: bool,
}

struct Clock {
    frames: Vec<Frame>,
    /// When the time until then was added to the last frame.
    counted: Instant,
}

impl Clock {
    /// Adds the time since the last call to the last frame.
    fn count(&mut self) {
        let now = Instant::now();
        let seconds = (now - self.counted).as_secs_f64();
        self.counted = now;
        if let Some(frame) = self.frames.last_mut() {
            let of_kind =
                if frame.is_measuring { &mut frame.seconds.measuring } else { &mut frame.seconds.training };
            *of_kind += seconds;
        }
    }
}

thread_local! {
    static CLOCK: RefCell<Clock> = RefCell::new(Clock { frames: Vec::new(), counted: Instant::now() });
}

/// Does the work of a job; returns its seconds, too.
pub fn of_job<R>(work: impl FnOnce() -> R) -> (R, JobSeconds) {
    CLOCK.with_borrow_mut(|clock| {
        clock.count();
        clock.frames.push(Frame { seconds: JobSeconds::default(), is_measuring: false });
    });
    let result = work();
    let frame = CLOCK.with_borrow_mut(|clock| {
        clock.count();
        clock.frames.pop()
    });
    (result, frame.map_or(JobSeconds::default(), |frame| frame.seconds))
}

/// Does a measurement of the job of this thread.
pub fn measuring<R>(work: impl FnOnce() -> R) -> R {
    let set = |is_measuring| {
        CLOCK.with_borrow_mut(|clock| {
            clock.count();
            let frame = clock.frames.last_mut();
            frame.is_some_and(|frame| std::mem::replace(&mut frame.is_measuring, is_measuring))
        })
    };
    let before = set(true);
    let result = work();
    set(before);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn wait(milliseconds: u64) {
        std::thread::sleep(Duration::from_millis(milliseconds));
    }

    #[test]
    fn an_inner_job_does_not_count_for_the_outer_one() {
        let (inner, outer) = of_job(|| {
            wait(10);
            measuring(|| {
                wait(20);
                of_job(|| wait(200)).1
            })
        });
        assert!(inner.training >= 0.2 && inner.measuring == 0.0, "{inner:?}");
        assert!((0.01..0.1).contains(&outer.training), "{outer:?}");
        assert!((0.02..0.1).contains(&outer.measuring), "{outer:?}");
    }
}
