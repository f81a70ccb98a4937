//! Loads, stores, element addresses and atomic operations.

use crate::error::Construct;
use crate::ir::{
    Access, Atomic, IntegerPredicate, Ordering, ReadModifyWrite, Type, TypeKind, UpdateOperator,
    Value,
};

use super::comparison::compare;
use super::function::Body;
use super::integer;

/// How far an access may count on its alignment and on being carried out.
#[derive(Clone, Copy)]
struct Manner {
    alignment: u32,
    volatile: bool,
}

impl Manner {
    /// For an element at an offset from what is accessed.
    fn at_offset(self, offset: u64) -> Manner {
        let alignment = if offset.is_multiple_of(2) { self.alignment } else { 1 };
        Manner { alignment, ..self }
    }
}

impl<'m> Body<'_, 'm> {
    /// Loads a value.
    pub fn load(
        &mut self,
        target: &str,
        ty: Type<'m>,
        access: &Access<'m>,
    ) -> Result<(), Construct> {
        let pointer = self.value(access.pointer)?;
        if let Atomic::Yes(ordering) = access.atomic {
            let cell = atomic_type(ty)?;
            let c_type = self.c_type(ty)?;
            let order = memory_order(ordering)?;
            let loaded = format!("__atomic_load_n((volatile {cell} *)({pointer}),{order})");
            self.assign(target, &format!("({c_type}){loaded}"));
            return Ok(());
        }
        let manner = Manner { alignment: access.alignment, volatile: access.volatile };
        self.load_part(target, ty, &pointer, manner)
    }

    fn load_part(
        &mut self,
        target: &str,
        ty: Type<'m>,
        pointer: &str,
        manner: Manner,
    ) -> Result<(), Construct> {
        if let Some(place) = place(ty, pointer, manner) {
            let value = match ty.kind() {
                TypeKind::Integer(width) => integer::masked(&place, width),
                _ => place,
            };
            self.assign(target, &value);
            return Ok(());
        }
        match ty.kind() {
            TypeKind::Struct(_) | TypeKind::Array(..) => {
                for (index, element) in ty.elements().enumerate() {
                    let offset = self.context.module.offset_of(ty, index as u64);
                    self.load_part(
                        &format!("{target}.f{index}"),
                        element,
                        &format!("{pointer}+{offset}"),
                        manner.at_offset(offset),
                    )?;
                }
                Ok(())
            }
            TypeKind::Integer(_) if manner.volatile => {
                Err(Construct::VolatileAccess(ty.to_string()))
            }
            TypeKind::Integer(width) => {
                let bytes = width.div_ceil(8);
                let value = if integer::is_wide(width) {
                    integer::wide_masked(&format!("wide_load({pointer},{bytes})"), width)
                } else {
                    integer::masked(&format!("load_bytes({pointer},{bytes})"), width)
                };
                self.assign(target, &value);
                Ok(())
            }
            _ => Err(Construct::Type(ty.to_string())),
        }
    }

    /// Stores a value.
    pub fn store(&mut self, value: Value<'m>, access: &Access<'m>) -> Result<(), Construct> {
        let ty = value.ty();
        let pointer = self.value(access.pointer)?;
        let value = self.value(value)?;
        if let Atomic::Yes(ordering) = access.atomic {
            let cell = atomic_type(ty)?;
            let order = memory_order(ordering)?;
            self.emit(&format!(
                "__atomic_store_n((volatile {cell} *)({pointer}),({cell}){value},{order});"
            ));
            return Ok(());
        }
        let manner = Manner { alignment: access.alignment, volatile: access.volatile };
        self.store_part(ty, &value, &pointer, manner)
    }

    fn store_part(
        &mut self,
        ty: Type<'m>,
        value: &str,
        pointer: &str,
        manner: Manner,
    ) -> Result<(), Construct> {
        if let Some(place) = place(ty, pointer, manner) {
            self.assign(&place, value);
            return Ok(());
        }
        match ty.kind() {
            TypeKind::Struct(_) | TypeKind::Array(..) => {
                for (index, element) in ty.elements().enumerate() {
                    let offset = self.context.module.offset_of(ty, index as u64);
                    self.store_part(
                        element,
                        &format!("{value}.f{index}"),
                        &format!("{pointer}+{offset}"),
                        manner.at_offset(offset),
                    )?;
                }
                Ok(())
            }
            TypeKind::Integer(_) if manner.volatile => {
                Err(Construct::VolatileAccess(ty.to_string()))
            }
            TypeKind::Integer(width) => {
                let bytes = width.div_ceil(8);
                let store = if integer::is_wide(width) { "wide_store" } else { "store_bytes" };
                self.emit(&format!("{store}({pointer},{bytes},{value});"));
                Ok(())
            }
            _ => Err(Construct::Type(ty.to_string())),
        }
    }

    /// The address of an element: a base and a number of bytes, part of it known already.
    pub fn element_pointer(&mut self, instruction: Value<'m>) -> Result<String, Construct> {
        let operands = instruction.operands();
        let mut ty = instruction.element_pointer_base_type();
        let mut address = self.value(operands[0])?;
        let mut constant = 0i64;
        for (step, index) in operands.into_iter().skip(1).enumerate() {
            let known = index.integer().map(|number| number.signed());
            if step > 0 {
                if let (TypeKind::Struct(_), Some(field)) = (ty.kind(), known) {
                    constant += self.context.module.offset_of(ty, field as u64) as i64;
                    ty = ty.element(field as u64);
                    continue;
                }
                ty = ty.element(0);
            }
            let size = self.context.module.size_of(ty) as i64;
            match known {
                Some(index) => constant = constant.wrapping_add(index.wrapping_mul(size)),
                None => {
                    let width = index.ty().integer_width().unwrap_or_default();
                    if integer::is_wide(width) {
                        return Err(Construct::IntegerWidth(width));
                    }
                    let index = integer::signed(&self.value(index)?, width);
                    address += &format!("+(s32){index}*{size}");
                }
            }
        }
        // An address has 32 bits: what lies beyond does not count.
        match constant as i32 {
            0 => Ok(address),
            constant => Ok(format!("{address}+({constant})")),
        }
    }

    /// Writes memory if it holds the expected value.
    pub fn compare_exchange(
        &mut self,
        target: &str,
        [pointer, expected, replacement]: [Value<'m>; 3],
        success: Ordering,
        failure: Ordering,
    ) -> Result<(), Construct> {
        let ty = expected.ty();
        let cell = atomic_type(ty)?;
        let c_type = self.c_type(ty)?;
        let (success, failure) = (memory_order(success)?, memory_order(failure)?);
        let pointer = self.value(pointer)?;
        let expected = self.value(expected)?;
        let replacement = self.value(replacement)?;
        self.emit(&format!(
            "{{{cell} found = ({cell}){expected};\
             {target}.f1 = __atomic_compare_exchange_n((volatile {cell} *)({pointer}),&found,\
             ({cell}){replacement},0,{success},{failure});\
             {target}.f0 = ({c_type})found;}}"
        ));
        Ok(())
    }

    /// Reads memory and writes what an operation makes of it, in one step.
    pub fn read_modify_write(
        &mut self,
        target: &str,
        update: &ReadModifyWrite<'m>,
    ) -> Result<(), Construct> {
        let ty = update.operand.ty();
        let cell = atomic_type(ty)?;
        let c_type = self.c_type(ty)?;
        let order = memory_order(update.ordering)?;
        let pointer = self.value(update.pointer)?;
        let pointer = format!("(volatile {cell} *)({pointer})");
        let operand = self.value(update.operand)?;
        let builtin = match update.operator {
            UpdateOperator::LLVMAtomicRMWBinOpXchg => "__atomic_exchange_n",
            UpdateOperator::LLVMAtomicRMWBinOpAdd => "__atomic_fetch_add",
            UpdateOperator::LLVMAtomicRMWBinOpSub => "__atomic_fetch_sub",
            UpdateOperator::LLVMAtomicRMWBinOpAnd => "__atomic_fetch_and",
            UpdateOperator::LLVMAtomicRMWBinOpNand => "__atomic_fetch_nand",
            UpdateOperator::LLVMAtomicRMWBinOpOr => "__atomic_fetch_or",
            UpdateOperator::LLVMAtomicRMWBinOpXor => "__atomic_fetch_xor",
            operator => {
                let kept = extremum(operator)
                    .ok_or_else(|| Construct::AtomicOperation(format!("{operator:?}")))?;
                let width = ty.integer_width().unwrap_or(32);
                let keep = compare(kept, "found", &operand, width);
                self.emit(&format!(
                    "{{{cell} found = __atomic_load_n({pointer},__ATOMIC_RELAXED);\
                     while (!__atomic_compare_exchange_n({pointer},&found,\
                     ({keep}) ? found : {operand},0,{order},__ATOMIC_RELAXED));\
                     {target} = found;}}"
                ));
                return Ok(());
            }
        };
        self.assign(target, &format!("({c_type}){builtin}({pointer},({cell}){operand},{order})"));
        Ok(())
    }
}

/// A value in memory as a C lvalue, if C has a type for it.
fn place(ty: Type<'_>, pointer: &str, manner: Manner) -> Option<String> {
    let name = match ty.kind() {
        TypeKind::Integer(width) => match width.div_ceil(8) {
            bytes @ (1 | 2 | 4 | 8) => format!("u{}", 8 * bytes),
            _ => return None,
        },
        TypeKind::Pointer => "pointer".into(),
        TypeKind::Float => "float".into(),
        TypeKind::Double => "double".into(),
        _ => return None,
    };
    let alignment = manner.alignment.clamp(1, 2);
    let volatile = if manner.volatile { "volatile " } else { "" };
    Some(format!("*({volatile}{name}_at{alignment} *)({pointer})"))
}

/// The C type of a cell that the processor can access atomically.
fn atomic_type(ty: Type<'_>) -> Result<String, Construct> {
    match ty.kind() {
        TypeKind::Integer(width @ (8 | 16 | 32)) => Ok(format!("u{width}")),
        TypeKind::Pointer => Ok("u32".into()),
        _ => Err(Construct::AtomicType(ty.to_string())),
    }
}

/// C's name of an ordering.
pub fn memory_order(ordering: Ordering) -> Result<&'static str, Construct> {
    match ordering {
        Ordering::LLVMAtomicOrderingUnordered | Ordering::LLVMAtomicOrderingMonotonic => {
            Ok("__ATOMIC_RELAXED")
        }
        Ordering::LLVMAtomicOrderingAcquire => Ok("__ATOMIC_ACQUIRE"),
        Ordering::LLVMAtomicOrderingRelease => Ok("__ATOMIC_RELEASE"),
        Ordering::LLVMAtomicOrderingAcquireRelease => Ok("__ATOMIC_ACQ_REL"),
        Ordering::LLVMAtomicOrderingSequentiallyConsistent => Ok("__ATOMIC_SEQ_CST"),
        Ordering::LLVMAtomicOrderingNotAtomic => {
            Err(Construct::AtomicOperation("without ordering".into()))
        }
    }
}

/// When a maximum or minimum keeps the value that is in memory.
fn extremum(operator: UpdateOperator) -> Option<IntegerPredicate> {
    match operator {
        UpdateOperator::LLVMAtomicRMWBinOpMax => Some(IntegerPredicate::LLVMIntSGT),
        UpdateOperator::LLVMAtomicRMWBinOpMin => Some(IntegerPredicate::LLVMIntSLT),
        UpdateOperator::LLVMAtomicRMWBinOpUMax => Some(IntegerPredicate::LLVMIntUGT),
        UpdateOperator::LLVMAtomicRMWBinOpUMin => Some(IntegerPredicate::LLVMIntULT),
        _ => None,
    }
}
