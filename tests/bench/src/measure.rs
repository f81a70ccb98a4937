//! Loads modules with every loader and keeps what it costs.

use crate::arena::Arena;
use crate::callgrind::{self, Copying, Counts};
use crate::loaders::{Context, Loader, Ready, measured_load};
use crate::modules::{self, Module};
use crate::resolver::Resolver;
use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// How many of the largest modules are counted beside the sample.
const LARGEST: usize = 8;

/// How often each load is timed; the shortest counts.
const ROUNDS: usize = 5;

/// Memory for the largest module, as the loader that needs most lays it out.
const ROOM: usize = 160 << 20;

/// What loads have cost.
pub struct Measured<'m> {
    /// The modules.
    pub modules: &'m [Module],
    /// The loaders, in the order of the costs of each load.
    pub loaders: &'m [Loader],
    /// Every so manyeth module is in the sample whose instructions are counted.
    pub step: usize,
    /// The costs for each module.
    pub costs: Vec<Costs>,
}

/// What loading one module has cost, in the order of the loaders.
#[derive(Clone, Debug)]
pub struct Costs {
    /// Instructions with each way of copying, where they were counted.
    pub instructions: [Vec<Option<u64>>; 2],
    /// The shortest time; `None` if the loader rejects the module.
    pub times: Vec<Option<Duration>>,
}

impl<'m> Measured<'m> {
    /// Nothing measured yet.
    pub fn new(modules: &'m [Module], loaders: &'m [Loader], step: usize) -> Self {
        let instructions = || vec![None; loaders.len()];
        let costs = Costs {
            instructions: [instructions(), instructions()],
            times: vec![None; loaders.len()],
        };
        Self { modules, loaders, step, costs: vec![costs; modules.len()] }
    }

    /// Whether a module is one of the sample, for which sums are given.
    pub fn is_sampled(&self, index: usize) -> bool {
        index.is_multiple_of(self.step)
    }

    /// Counts instructions for the sample and the largest modules.
    ///
    /// # Errors
    /// If callgrind is missing or a loader rejects a module.
    pub fn count(&mut self) -> Result<()> {
        let mut by_size: Vec<usize> = (0..self.modules.len()).collect();
        by_size.sort_by_key(|index| std::cmp::Reverse(self.modules[*index].relocations));
        let largest = by_size.into_iter().take(LARGEST).filter(|index| !self.is_sampled(*index));
        let mut indices: Vec<usize> =
            (0..self.modules.len()).filter(|index| self.is_sampled(*index)).collect();
        indices.extend(largest);

        let mut list = tempfile::NamedTempFile::new()?;
        for index in &indices {
            list.write_all(self.modules[*index].path.as_os_str().as_encoded_bytes())?;
            list.write_all(b"\n")?;
        }
        let path = list.path();
        for (way, copying) in Copying::value_variants().iter().enumerate() {
            let counts: Vec<_> = std::thread::scope(|scope| {
                let start = |loader| scope.spawn(move || count(loader, *copying, path));
                let threads: Vec<_> = self.loaders.iter().map(start).collect();
                threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
            });
            for (loader, counts) in counts.into_iter().enumerate() {
                let counts = counts?;
                ensure!(counts.len() == indices.len(), "{} modules counted", counts.len());
                for (index, counts) in indices.iter().zip(counts) {
                    self.costs[*index].instructions[way][loader] = Some(counts.instructions);
                }
            }
        }
        Ok(())
    }

    /// Times all loads, the loaders taking turns with each module.
    ///
    /// # Errors
    /// If there is no memory for the modules.
    pub fn time(&mut self) -> Result<()> {
        let context = context(self.modules)?;
        for (module, costs) in self.modules.iter().zip(&mut self.costs) {
            for _ in 0..ROUNDS {
                for (loader, shortest) in self.loaders.iter().zip(&mut costs.times) {
                    if let Some(time) = time_once(*loader, module, context) {
                        *shortest = Some(shortest.unwrap_or(time).min(time));
                    }
                }
            }
        }
        Ok(())
    }
}

fn count(loader: &Loader, copying: Copying, list: &Path) -> Result<Vec<Counts>> {
    let name = loader.to_possible_value().context("a loader's name")?;
    let list = list.display().to_string();
    let arguments = ["--watched", name.get_name(), "--list", &list].map(str::to_owned);
    callgrind::count("measured_load", &arguments, copying, false)
}

fn time_once(loader: Loader, module: &Module, context: &'static Context) -> Option<Duration> {
    let ready = Ready::new(loader, module, context);
    let start = Instant::now();
    let loaded = measured_load(&ready, context);
    let time = start.elapsed();
    let succeeded = loaded.is_some();
    drop(loaded);
    // SAFETY: what was loaded is gone.
    unsafe { context.arena.reset() };
    succeeded.then_some(time)
}

/// Loads the modules whose paths are the lines of a file, once each, for callgrind to watch.
///
/// # Errors
/// If a file cannot be read, or a module is rejected.
pub fn load_watched(loader: Loader, list: &Path) -> Result<()> {
    let modules = modules::read_list(list)?;
    let context = context(&modules)?;
    for module in &modules {
        let loaded = time_once(loader, module, context);
        ensure!(loaded.is_some(), "{loader:?} rejects {}", module.name);
    }
    Ok(())
}

/// Memory for any of the modules, and addresses for the symbols that they need.
///
/// # Errors
/// If there is no memory.
pub fn context(modules: &[Module]) -> Result<&'static Context> {
    let context = Context { arena: Arena::map(ROOM)?, resolver: Resolver::for_all(modules) };
    Ok(Box::leak(Box::new(context)))
}
