//! A listener that tells what becomes of modules, and may reject one.

use super::failure::Failure;
use super::words::Words;
use crate::kernel::{LOADER, TestKernel};
use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use modlink::notifiers::Registration;
use modlink::platform::Event;
use modlink::{Errno, Module};
use spin::Mutex;

static REGISTERED: Mutex<Option<Registration<'static, TestKernel>>> = Mutex::new(None);

/// `notifier on [NAME]`, `notifier off`
pub fn notifier(words: &mut Words<'_>) -> Result<(), Failure> {
    match words.need("on or off")? {
        "on" => {
            let rejected = words.bare()?.map(ToOwned::to_owned);
            words.end()?;
            let notify = move |event, module: &Module<TestKernel>| {
                println!("notifier: {} {event:?}", module.name());
                let name = rejected.as_deref().map(str::as_bytes);
                let is_rejected = name == Some(module.name().as_bytes());
                if is_rejected && event == Event::Coming { Err(Errno::EPERM) } else { Ok(()) }
            };
            let registration = LOADER.register_notifier(Box::new(notify), 0);
            let registration = registration.map_err(|_| Failure::Errno(Errno::ENOMEM))?;
            // One that was there is taken off here, and without the lock.
            let before = REGISTERED.lock().replace(registration);
            drop(before);
            Ok(())
        }
        "off" => {
            words.end()?;
            let registration = REGISTERED.lock().take();
            let registration =
                registration.ok_or_else(|| Failure::Wrong("nobody listens".into()))?;
            let waited = registration.unregister();
            waited.map_err(|still| Failure::Wrong(format!("{still}: {:?}", still.reason)))
        }
        other => Err(Failure::Usage(format!("`{other}` is neither on nor off"))),
    }
}
