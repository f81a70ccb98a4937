//! Functions of modules that set and show parameters, which cannot run here.

use modlink::parameters::Operations;
use modlink::platform::Faulted;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A call of such a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterCall {
    /// To set a parameter.
    Set {
        /// The address of the function.
        function: u64,
        /// What it is set to.
        value: Option<String>,
        /// The address of the `struct kernel_param`.
        parameter: u64,
    },
    /// To show one.
    Get {
        /// The address of the function.
        function: u64,
        /// The address of the `struct kernel_param`.
        parameter: u64,
    },
    /// To free what there is for one.
    Free {
        /// The address of the function.
        function: u64,
        /// What it is called with.
        argument: u64,
    },
}

type Set = Arc<dyn Fn(&ParameterCall) -> Result<i32, Faulted> + Send + Sync>;

/// What the kernel has for parameters.
#[derive(Default)]
pub(crate) struct Parameters {
    pub boot_line: String,
    /// The operations of types of its own, by the addresses that it exports.
    pub types: BTreeMap<u64, Operations>,
    set: Mutex<Option<Set>>,
    calls: Mutex<Vec<ParameterCall>>,
    /// What parameters have been set to.
    values: Mutex<BTreeMap<u64, String>>,
}

impl Parameters {
    pub fn set_by(
        &self,
        set: impl Fn(&ParameterCall) -> Result<i32, Faulted> + Send + Sync + 'static,
    ) {
        *self.set.lock().unwrap() = Some(Arc::new(set));
    }

    pub fn take_calls(&self) -> Vec<ParameterCall> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    pub fn call_set(
        &self,
        function: u64,
        value: Option<String>,
        parameter: u64,
    ) -> Result<i32, Faulted> {
        let call = ParameterCall::Set { function, value: value.clone(), parameter };
        self.calls.lock().unwrap().push(call.clone());
        let set = self.set.lock().unwrap().clone();
        if let Some(set) = set {
            return set(&call);
        }
        self.values.lock().unwrap().insert(parameter, value.unwrap_or_default());
        Ok(0)
    }

    pub fn call_get(
        &self,
        function: u64,
        buffer: &mut [u8],
        parameter: u64,
    ) -> Result<i32, Faulted> {
        self.calls.lock().unwrap().push(ParameterCall::Get { function, parameter });
        let value = self.values.lock().unwrap().get(&parameter).cloned();
        let text = value.unwrap_or_else(|| "unset".into()) + "\n";
        buffer[..text.len()].copy_from_slice(text.as_bytes());
        Ok(text.len() as i32)
    }

    pub fn call_free(&self, function: u64, argument: u64) -> Result<(), Faulted> {
        let call = ParameterCall::Free { function, argument };
        self.calls.lock().unwrap().push(call.clone());
        let set = self.set.lock().unwrap().clone();
        if let Some(set) = set {
            return set(&call).map(drop);
        }
        Ok(())
    }
}
