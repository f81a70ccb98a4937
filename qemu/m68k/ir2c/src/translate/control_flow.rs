//! Jumps, and the phis that their targets begin with.

use crate::error::Construct;
use crate::ir::{Block, Operation, Value};

use super::function::Body;
use super::integer;

impl<'m> Body<'_, 'm> {
    /// The statements that pass control from one block to another: they set what the target's
    /// phis will copy, and jump.
    pub fn edge(&mut self, from: Block<'m>, to: Block<'m>) -> Result<String, Construct> {
        let mut text = String::new();
        for instruction in to.instructions() {
            let Operation::Phi(incoming) = instruction.operation() else {
                break;
            };
            // Several edges between the same two blocks all bring the same value.
            if let Some((_, value)) = incoming.into_iter().find(|(block, _)| *block == from) {
                let value = self.value(value)?;
                text += &format!("{}_next = {value};", self.result(instruction));
            }
        }
        text += &format!("goto block{};", self.blocks[&to]);
        Ok(text)
    }

    /// Leaves a block for one of two.
    pub fn branch(
        &mut self,
        from: Block<'m>,
        condition: Value<'m>,
        then: Block<'m>,
        otherwise: Block<'m>,
    ) -> Result<(), Construct> {
        let condition = self.value(condition)?;
        let then = self.edge(from, then)?;
        let otherwise = self.edge(from, otherwise)?;
        self.emit(&format!("if ({condition}) {{{then}}} else {{{otherwise}}}"));
        Ok(())
    }

    /// Leaves a block for one of many.
    pub fn switch(
        &mut self,
        from: Block<'m>,
        value: Value<'m>,
        cases: &[(Value<'m>, Block<'m>)],
        default: Block<'m>,
    ) -> Result<(), Construct> {
        let is_wide = value.ty().integer_width().is_some_and(integer::is_wide);
        let selector = self.value(value)?;
        let mut text = String::new();
        for (case, target) in cases {
            let edge = self.edge(from, *target)?;
            let case = self.value(*case)?;
            text += &if is_wide {
                format!("if (wide_equal({selector},{case})) {{{edge}}}\n")
            } else {
                format!("case {case}: {edge}\n")
            };
        }
        let default = self.edge(from, default)?;
        self.emit(&if is_wide {
            format!("{text}{default}")
        } else {
            format!("switch ({selector}) {{\n{text}default: {default}}}")
        });
        Ok(())
    }
}
