//! The queue of loads that wait for another.

use modlink::platform::WaitError;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// A queue; nobody can wait in it before it is [opened](Queue::open).
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// For how long a wait with a limit waits; `None` if the kernel cannot wait.
    limit: Option<Duration>,
    interrupted: bool,
    /// How many wait now.
    waiting: usize,
    /// The limit of each wait so far.
    limits: Vec<Option<Duration>>,
}

impl Queue {
    /// Lets loads wait, and those with a limit for so long.
    pub fn open(&self, limit: Duration) {
        self.state.lock().unwrap().limit = Some(limit);
    }

    /// Interrupts who waits and who will.
    pub fn interrupt(&self) {
        self.state.lock().unwrap().interrupted = true;
        self.woken.notify_all();
    }

    pub fn waiting(&self) -> usize {
        self.state.lock().unwrap().waiting
    }

    pub fn limits(&self) -> Vec<Option<Duration>> {
        self.state.lock().unwrap().limits.clone()
    }

    pub fn wait(
        &self,
        is_done: &(dyn Fn() -> bool + Sync),
        limit: Option<Duration>,
    ) -> Result<(), WaitError> {
        let mut state = self.state.lock().unwrap();
        let limited = state.limit.ok_or(WaitError::Unsupported)?;
        state.limits.push(limit);
        let end = limit.map(|limit| Instant::now() + limit.min(limited));
        state.waiting += 1;
        let result = loop {
            if is_done() {
                break Ok(());
            }
            if state.interrupted {
                break Err(WaitError::Interrupted);
            }
            state = match end.map(|end| end.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => break Err(WaitError::TimedOut),
                Some(left) => self.woken.wait_timeout(state, left).unwrap().0,
                None => self.woken.wait(state).unwrap(),
            };
        };
        state.waiting -= 1;
        result
    }

    pub fn wake(&self) {
        // Who has just asked, and does not sleep yet, has the lock.
        drop(self.state.lock().unwrap());
        self.woken.notify_all();
    }
}
