//! Stack slots. Two allocas that are never alive together, by LLVM's lifetime markers, share one
//! C variable: GCC would give each its own place on a kernel's small stack.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use crate::ir::{Block, Module, Operation, Value};

/// A C variable that stack slots share.
pub struct Slot {
    /// In bytes.
    pub size: u64,
    /// In bytes.
    pub alignment: u32,
    members: Vec<usize>,
}

/// Which alloca lives in which C variable.
pub struct StackSlots<'m> {
    slots: Vec<Slot>,
    numbers: HashMap<Value<'m>, usize>,
}

/// An alloca of constant size in the entry block.
struct Room<'m> {
    alloca: Value<'m>,
    size: u64,
    alignment: u32,
    /// Whether markers say when it is alive; if none does, it always is.
    marked: bool,
}

/// A lifetime marker: the room of this number begins or ceases to be alive.
#[derive(Clone, Copy)]
enum Marker {
    Start(usize),
    End(usize),
}

impl Marker {
    fn apply(self, alive: &mut HashSet<usize>) {
        match self {
            Marker::Start(room) => alive.insert(room),
            Marker::End(room) => alive.remove(&room),
        };
    }
}

impl<'m> StackSlots<'m> {
    /// Finds room for all allocas of a function, given its blocks in order and their numbers.
    pub fn assign(
        module: &'m Module,
        blocks: &[Block<'m>],
        numbers: &HashMap<Block<'m>, usize>,
    ) -> Self {
        let mut rooms = entry_rooms(module, blocks);
        let markers = lifetime_markers(blocks, &mut rooms);
        let conflicts = conflicts(blocks, numbers, &markers);
        share(&rooms, &conflicts)
    }

    /// The C variables to declare.
    pub fn sizes(&self) -> &[Slot] {
        &self.slots
    }

    /// The number of the C variable for an alloca; none if the alloca is not of constant size in
    /// the entry block.
    pub fn number(&self, alloca: Value<'m>) -> Option<usize> {
        self.numbers.get(&alloca).copied()
    }
}

fn entry_rooms<'m>(module: &'m Module, blocks: &[Block<'m>]) -> Vec<Room<'m>> {
    let mut rooms = Vec::new();
    for instruction in blocks.first().into_iter().flat_map(|block| block.instructions()) {
        if let Operation::StackSlot { ty, count, alignment } = instruction.operation()
            && let Some(count) = count.integer()
        {
            let size = module.size_of(ty) * count.low();
            rooms.push(Room { alloca: instruction, size, alignment, marked: false });
        }
    }
    rooms
}

/// The markers of each block, in order.
fn lifetime_markers<'m>(blocks: &[Block<'m>], rooms: &mut [Room<'m>]) -> Vec<Vec<Marker>> {
    let numbers: HashMap<_, _> =
        rooms.iter().enumerate().map(|(number, room)| (room.alloca, number)).collect();
    let mut of_block = |block: &Block<'m>| {
        let mut markers = Vec::new();
        for instruction in block.instructions() {
            let Operation::Call(call) = instruction.operation() else {
                continue;
            };
            let name = call.callee.name();
            let Some(&room) = call.arguments.last().and_then(|room| numbers.get(room)) else {
                continue;
            };
            if name.starts_with("llvm.lifetime.start") {
                rooms[room].marked = true;
                markers.push(Marker::Start(room));
            } else if name.starts_with("llvm.lifetime.end") {
                markers.push(Marker::End(room));
            }
        }
        markers
    };
    blocks.iter().map(&mut of_block).collect()
}

/// All pairs of rooms that may be alive at the same time.
fn conflicts<'m>(
    blocks: &[Block<'m>],
    numbers: &HashMap<Block<'m>, usize>,
    markers: &[Vec<Marker>],
) -> HashSet<(usize, usize)> {
    let alive_at_start = alive_at_start(blocks, numbers, markers);
    let mut conflicts = HashSet::new();
    for (markers, alive) in markers.iter().zip(alive_at_start) {
        let mut alive = alive;
        for left in &alive {
            conflicts.extend(alive.iter().map(|right| (*left, *right)));
        }
        for marker in markers {
            if let Marker::Start(room) = *marker {
                conflicts.extend(alive.iter().flat_map(|other| [(*other, room), (room, *other)]));
            }
            marker.apply(&mut alive);
        }
    }
    conflicts
}

/// For each block the rooms that may be alive when control enters it, by iteration to a fixed
/// point.
fn alive_at_start<'m>(
    blocks: &[Block<'m>],
    numbers: &HashMap<Block<'m>, usize>,
    markers: &[Vec<Marker>],
) -> Vec<HashSet<usize>> {
    let mut alive = vec![HashSet::new(); blocks.len()];
    let mut pending: Vec<usize> = (0..blocks.len()).collect();
    while let Some(number) = pending.pop() {
        let mut at_end = alive[number].clone();
        for marker in &markers[number] {
            marker.apply(&mut at_end);
        }
        for successor in blocks[number].successors() {
            let successor = numbers[&successor];
            let before = alive[successor].len();
            alive[successor].extend(&at_end);
            if alive[successor].len() != before {
                pending.push(successor);
            }
        }
    }
    alive
}

/// Gives each room, the largest first, the first slot in which it meets no conflict.
fn share<'m>(rooms: &[Room<'m>], conflicts: &HashSet<(usize, usize)>) -> StackSlots<'m> {
    let mut order: Vec<usize> = (0..rooms.len()).collect();
    order.sort_by_key(|number| (Reverse(rooms[*number].size), *number));
    let mut slots: Vec<Slot> = Vec::new();
    let mut numbers = HashMap::new();
    for number in order {
        let room = &rooms[number];
        let fits = |slot: &Slot| {
            let mut members = slot.members.iter();
            members.all(|other| rooms[*other].marked && !conflicts.contains(&(number, *other)))
        };
        let shared = if room.marked { slots.iter().position(fits) } else { None };
        let index = shared.unwrap_or_else(|| {
            slots.push(Slot { size: room.size, alignment: 1, members: Vec::new() });
            slots.len() - 1
        });
        let slot = &mut slots[index];
        slot.alignment = slot.alignment.max(room.alignment);
        slot.members.push(number);
        numbers.insert(room.alloca, index);
    }
    StackSlots { slots, numbers }
}
