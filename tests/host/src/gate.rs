//! A place at which module code waits until a test lets it go on.

use crate::HostLoader;
use modlink::arch::Arch;
use std::sync::{Arc, Condvar, Mutex};

/// What an init function, or a listener, waits at until a test lets it return.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<Passage>, Condvar)>);

#[derive(Debug, Default)]
struct Passage {
    reached: bool,
    /// What the init function returns, once it may.
    status: Option<i32>,
}

impl Gate {
    /// A gate in the init function of a module.
    pub fn of<A: Arch>(loader: &HostLoader<A>, name: &str) -> Self {
        let gate = Self::default();
        let at = gate.clone();
        loader.platform().on_init(name, move |_| at.pass());
        gate
    }

    /// Waits at the gate, for what the init function is to return.
    ///
    /// # Panics
    /// If somebody has panicked here.
    pub fn pass(&self) -> i32 {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        state.reached = true;
        changed.notify_all();
        changed.wait_while(state, |state| state.status.is_none()).unwrap().status.unwrap()
    }

    /// Waits until somebody waits at the gate.
    ///
    /// # Panics
    /// As above.
    pub fn reached(&self) {
        let (state, changed) = &*self.0;
        drop(changed.wait_while(state.lock().unwrap(), |state| !state.reached).unwrap());
    }

    /// Lets the init function return this.
    ///
    /// # Panics
    /// As above.
    pub fn open(&self, status: i32) {
        let (state, changed) = &*self.0;
        state.lock().unwrap().status = Some(status);
        changed.notify_all();
    }
}
