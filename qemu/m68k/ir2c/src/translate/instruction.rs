//! One instruction.

use crate::error::Construct;
use crate::ir::{Block, Opcode, Operation, Value};

use super::arithmetic;
use super::comparison::{compare, compare_pointers};
use super::float::{self, Format};
use super::function::Body;
use super::memory::memory_order;

impl<'m> Body<'_, 'm> {
    /// Writes the C statements of one instruction of a block.
    pub fn instruction(
        &mut self,
        instruction: Value<'m>,
        block: Block<'m>,
    ) -> Result<(), Construct> {
        self.context.check_usable(instruction.ty())?;
        for operand in instruction.operands() {
            self.context.check_usable(operand.ty())?;
        }
        let ty = instruction.ty();
        let target = self.result(instruction);
        let expression = match instruction.operation() {
            Operation::Return(value) => {
                let value = value.map(|value| self.value(value)).transpose()?;
                self.emit(&format!("return {};", value.unwrap_or_default()));
                return Ok(());
            }
            Operation::Jump(successor) => {
                let edge = self.edge(block, successor)?;
                self.emit(&edge);
                return Ok(());
            }
            Operation::Branch { condition, then, otherwise } => {
                return self.branch(block, condition, then, otherwise);
            }
            Operation::Switch { value, cases, default } => {
                return self.switch(block, value, &cases, default);
            }
            Operation::Unreachable => {
                self.emit("__builtin_unreachable();");
                return Ok(());
            }
            Operation::Binary(opcode, left, right) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                match ty.integer_width() {
                    Some(width) => arithmetic::binary(opcode, &left, &right, width)?,
                    None => Format::of(ty)?.binary(opcode, &left, &right)?,
                }
            }
            Operation::NegateFloat(value) => Format::of(ty)?.negate(&self.value(value)?),
            Operation::StackSlot { .. } => {
                let slot = self.slots.number(instruction).ok_or(Construct::DynamicAlloca)?;
                format!("(pointer)slot{slot}")
            }
            Operation::Load(access) => return self.load(&target, ty, &access),
            Operation::Store(value, access) => return self.store(value, &access),
            Operation::ElementPointer => self.element_pointer(instruction)?,
            Operation::Cast(opcode, operand) => self.cast(opcode, operand, ty)?,
            Operation::CompareIntegers(predicate, left, right) => {
                let width = left.ty().integer_width();
                let (left, right) = (self.value(left)?, self.value(right)?);
                match width {
                    Some(width) => compare(predicate, &left, &right, width),
                    None => compare_pointers(predicate, &left, &right),
                }
            }
            Operation::CompareFloats(predicate, left, right) => {
                Format::of(left.ty())?;
                let (left, right) = (self.value(left)?, self.value(right)?);
                float::compare(predicate, &left, &right)
            }
            Operation::Phi(_) => format!("{target}_next"),
            Operation::Call(call) => return self.call(instruction, &call, &target),
            Operation::Assembly(assembly) => return self.assembly(instruction, &assembly, &target),
            Operation::Select { condition, then, otherwise } => {
                let condition = self.value(condition)?;
                let (then, otherwise) = (self.value(then)?, self.value(otherwise)?);
                format!("{condition} ? {then} : {otherwise}")
            }
            Operation::VariadicArgument(list) => {
                let list = self.value(list)?;
                let c_type = self.c_type(ty)?;
                match ty.integer_width() {
                    Some(width) if width < 32 => {
                        return Err(Construct::NarrowVariadicArgument(width));
                    }
                    _ => format!("__builtin_va_arg(*(__builtin_va_list *)({list}),{c_type})"),
                }
            }
            Operation::Extract { aggregate, indices } => {
                format!("{}{}", self.value(aggregate)?, field(&indices))
            }
            Operation::Insert { aggregate, element, indices } => {
                let (aggregate, element) = (self.value(aggregate)?, self.value(element)?);
                self.assign(&target, &aggregate);
                self.assign(&format!("{target}{}", field(&indices)), &element);
                return Ok(());
            }
            Operation::Fence { ordering, single_thread } => {
                let order = memory_order(ordering)?;
                let scope = if single_thread { "signal" } else { "thread" };
                self.emit(&format!("__atomic_{scope}_fence({order});"));
                return Ok(());
            }
            Operation::CompareExchange { pointer, expected, replacement, success, failure } => {
                let operands = [pointer, expected, replacement];
                return self.compare_exchange(&target, operands, success, failure);
            }
            Operation::ReadModifyWrite(update) => return self.read_modify_write(&target, &update),
            Operation::Freeze(value) => self.value(value)?,
            Operation::MustTailCall => return Err(Construct::MustTail),
            Operation::CallWithBundles => return Err(Construct::OperandBundles),
            Operation::Other(opcode) => return Err(unknown(opcode)),
        };
        self.assign(&target, &expression);
        Ok(())
    }
}

/// The C field that a path of indices leads to.
fn field(indices: &[u32]) -> String {
    indices.iter().map(|index| format!(".f{index}")).collect()
}

fn unknown(opcode: Opcode) -> Construct {
    let name = format!("{opcode:?}");
    let name = name.trim_start_matches("LLVM").to_lowercase();
    match opcode {
        Opcode::LLVMIndirectBr => Construct::IndirectBranch,
        Opcode::LLVMInvoke
        | Opcode::LLVMResume
        | Opcode::LLVMLandingPad
        | Opcode::LLVMCleanupRet
        | Opcode::LLVMCatchRet
        | Opcode::LLVMCatchPad
        | Opcode::LLVMCleanupPad
        | Opcode::LLVMCatchSwitch => Construct::Unwinding(name),
        _ => Construct::Instruction(name),
    }
}
