//! The operations: LLVM assembly on one side, a model on the other.

use std::cmp::Ordering;

use crate::model::Width;

type Model = Box<dyn Fn(u128, u128) -> u128>;

/// An operation on two integers of one width.
pub struct Operation {
    pub name: String,
    pub width: Width,
    /// Instructions that compute `%r` from `%a` and `%b`.
    body: String,
    /// The width of `%r`.
    result: Width,
    /// The result, zero-extended.
    pub model: Model,
}

impl Operation {
    /// A function that reads two integers of 128 bits and writes one.
    pub fn definition(&self, number: usize) -> String {
        let Operation { body, width, result, .. } = self;
        let narrow = |to: &str, from: &str| match width.0 {
            128 => format!("  {to} = freeze i128 {from}\n"),
            bits => format!("  {to} = trunc i128 {from} to i{bits}\n"),
        };
        let widen = match result.0 {
            128 => "  %all = freeze i128 %r\n".to_string(),
            bits => format!("  %all = zext i{bits} %r to i128\n"),
        };
        let operands = narrow("%a", "%wide_a") + &narrow("%b", "%wide_b");
        format!(
            "define void @operation_{number}(ptr %operands, ptr %result) {{\n\
             \x20 %wide_a = load i128, ptr %operands, align 4\n\
             \x20 %second = getelementptr i8, ptr %operands, i32 16\n\
             \x20 %wide_b = load i128, ptr %second, align 4\n\
             {operands}{body}{widen}\
             \x20 store i128 %all, ptr %result, align 1\n\
             \x20 ret void\n}}\n"
        )
    }
}

/// Collects the operations of one width.
struct Collector {
    width: Width,
    found: Vec<Operation>,
}

impl Collector {
    /// In the body, `iN` stands for the type.
    fn add(
        &mut self,
        name: &str,
        body: &str,
        result: Width,
        model: impl Fn(u128, u128) -> u128 + 'static,
    ) {
        self.found.push(Operation {
            name: name.to_string(),
            width: self.width,
            body: body.replace("iN", &format!("i{}", self.width.0)),
            result,
            model: Box::new(move |a, b| result.low(model(a, b))),
        });
    }

    fn same(&mut self, name: &str, body: &str, model: impl Fn(u128, u128) -> u128 + 'static) {
        self.add(name, body, self.width, model);
    }
}

/// All operations on a width.
pub fn of(width: Width) -> Vec<Operation> {
    let mut collector = Collector { width, found: Vec::new() };
    arithmetic(&mut collector);
    division(&mut collector);
    shifts(&mut collector);
    comparisons(&mut collector);
    conversions(&mut collector);
    bits(&mut collector);
    overflow(&mut collector);
    saturation(&mut collector);
    memory(&mut collector);
    control(&mut collector);
    collector.found
}

fn arithmetic(c: &mut Collector) {
    c.same("add", "%r = add iN %a, %b\n", u128::wrapping_add);
    c.same("sub", "%r = sub iN %a, %b\n", u128::wrapping_sub);
    c.same("mul", "%r = mul iN %a, %b\n", u128::wrapping_mul);
    c.same("and", "%r = and iN %a, %b\n", |a, b| a & b);
    c.same("or", "%r = or iN %a, %b\n", |a, b| a | b);
    c.same("xor", "%r = xor iN %a, %b\n", |a, b| a ^ b);
    c.same("add constant", "%r = add iN %a, -1\n", |a, _| a.wrapping_sub(1));
    let w = c.width;
    let large = w.mask() / 3 * 2;
    let body = format!("%r = xor iN %a, {large}\n");
    c.same("xor constant", &body, move |a, _| a ^ large);
    c.same("freeze", "%r = freeze iN %b\n", |_, b| b);
}

fn division(c: &mut Collector) {
    let w = c.width;
    // Neither zero nor what overflows may be a divisor.
    let unsigned = "%zero = icmp eq iN %b, 0\n%d = select i1 %zero, iN 1, iN %b\n";
    c.same("udiv", &format!("{unsigned}%r = udiv iN %a, %d\n"), |a, b| a / b.max(1));
    c.same("urem", &format!("{unsigned}%r = urem iN %a, %d\n"), |a, b| a % b.max(1));
    if w.0 < 3 {
        return;
    }
    let signed = "%zero = icmp eq iN %b, 0\n%minus = icmp eq iN %b, -1\n\
                  %bad = or i1 %zero, %minus\n%d = select i1 %bad, iN 3, iN %b\n";
    let divisor = move |b| match w.signed(b) {
        0 | -1 => 3,
        b => b,
    };
    c.same("sdiv", &format!("{signed}%r = sdiv iN %a, %d\n"), move |a, b| {
        (w.signed(a) / divisor(b)).cast_unsigned()
    });
    c.same("srem", &format!("{signed}%r = srem iN %a, %d\n"), move |a, b| {
        (w.signed(a) % divisor(b)).cast_unsigned()
    });
}

fn shifts(c: &mut Collector) {
    let w = c.width;
    let bits = u128::from(w.0);
    let count =
        format!("%n = urem iN %b, {}\n", if w.0 == 1 { "true".into() } else { w.0.to_string() });
    c.same("shl", &format!("{count}%r = shl iN %a, %n\n"), move |a, b| a << (b % bits));
    c.same("lshr", &format!("{count}%r = lshr iN %a, %n\n"), move |a, b| a >> (b % bits));
    c.same("ashr", &format!("{count}%r = ashr iN %a, %n\n"), move |a, b| {
        (w.signed(a) >> (b % bits)).cast_unsigned()
    });
    if w.0 > 64 && w.0 != 128 {
        return;
    }
    // The count is taken modulo the width.
    let left = move |x: u128, y: u128, n: u128| match n % bits {
        0 => x,
        n => x << n | w.low(y) >> (bits - n),
    };
    let right = move |x: u128, y: u128, n: u128| match n % bits {
        0 => y,
        n => x << (bits - n) | w.low(y) >> n,
    };
    c.same("fshl", "%r = call iN @llvm.fshl.iN(iN %a, iN %b, iN %b)\n", move |a, b| left(a, b, b));
    c.same("fshr", "%r = call iN @llvm.fshr.iN(iN %a, iN %b, iN %b)\n", move |a, b| right(a, b, b));
    c.same("rotate left", "%r = call iN @llvm.fshl.iN(iN %a, iN %a, iN %b)\n", move |a, b| {
        left(a, a, b)
    });
    c.same("rotate right", "%r = call iN @llvm.fshr.iN(iN %a, iN %a, iN %b)\n", move |a, b| {
        right(a, a, b)
    });
}

/// A predicate's name, and the orders for which it holds.
type Comparison = (&'static str, fn(Ordering) -> bool);

fn comparisons(c: &mut Collector) {
    let w = c.width;
    let unsigned: [Comparison; 6] = [
        ("eq", Ordering::is_eq),
        ("ne", Ordering::is_ne),
        ("ugt", Ordering::is_gt),
        ("uge", Ordering::is_ge),
        ("ult", Ordering::is_lt),
        ("ule", Ordering::is_le),
    ];
    for (name, holds) in unsigned {
        let body = format!("%r = icmp {name} iN %a, %b\n");
        c.add(name, &body, Width(1), move |a, b| u128::from(holds(a.cmp(&b))));
    }
    let signed: [Comparison; 4] = [
        ("sgt", Ordering::is_gt),
        ("sge", Ordering::is_ge),
        ("slt", Ordering::is_lt),
        ("sle", Ordering::is_le),
    ];
    for (name, holds) in signed {
        let body = format!("%r = icmp {name} iN %a, %b\n");
        let model = move |a, b| u128::from(holds(w.signed(a).cmp(&w.signed(b))));
        c.add(name, &body, Width(1), model);
    }
    let call = |name: &str| format!("%r = call iN @llvm.{name}.iN(iN %a, iN %b)\n");
    c.same("umin", &call("umin"), u128::min);
    c.same("umax", &call("umax"), u128::max);
    c.same("smin", &call("smin"), move |a, b| w.signed(a).min(w.signed(b)).cast_unsigned());
    c.same("smax", &call("smax"), move |a, b| w.signed(a).max(w.signed(b)).cast_unsigned());
    let call = |name: &str| format!("%r = call i8 @llvm.{name}.i8.iN(iN %a, iN %b)\n");
    c.add("ucmp", &call("ucmp"), Width(8), |a, b| a.cmp(&b) as i8 as u128);
    c.add("scmp", &call("scmp"), Width(8), move |a, b| w.signed(a).cmp(&w.signed(b)) as i8 as u128);
}

fn conversions(c: &mut Collector) {
    let w = c.width;
    for to in crate::WIDTHS.map(Width) {
        let bits = to.0;
        if bits > w.0 {
            c.add(
                &format!("zext to {bits}"),
                &format!("%r = zext iN %a to i{bits}\n"),
                to,
                |a, _| a,
            );
            let body = format!("%r = sext iN %a to i{bits}\n");
            c.add(&format!("sext to {bits}"), &body, to, move |a, _| w.signed(a).cast_unsigned());
        } else if bits < w.0 {
            c.add(
                &format!("trunc to {bits}"),
                &format!("%r = trunc iN %a to i{bits}\n"),
                to,
                |a, _| a,
            );
        }
    }
    let through = "%p = inttoptr iN %a to ptr\n%i = ptrtoint ptr %p to i32\n%r = add i32 %i, 1\n";
    c.add("through a pointer", through, Width(32), |a, _| a.wrapping_add(1));
    let wide = "%p = inttoptr iN %a to ptr\n%r = ptrtoint ptr %p to iN\n";
    c.same("to and from a pointer", wide, |a, _| a & u128::from(u32::MAX));
}

fn bits(c: &mut Collector) {
    let w = c.width;
    let counted = |name: &str| format!("%r = call iN @llvm.{name}.iN(iN %a, i1 false)\n");
    c.same("ctlz", &counted("ctlz"), move |a, _| u128::from(w.leading_zeros(a)));
    c.same("cttz", &counted("cttz"), move |a, _| u128::from(w.trailing_zeros(a)));
    c.same("abs", &counted("abs"), move |a, _| w.signed(a).unsigned_abs());
    let call = |name: &str| format!("%r = call iN @llvm.{name}.iN(iN %a)\n");
    c.same("ctpop", &call("ctpop"), |a, _| u128::from(a.count_ones()));
    c.same("bitreverse", &call("bitreverse"), move |a, _| w.reversed(a));
    if matches!(w.0, 16 | 32 | 64 | 96 | 128) {
        c.same("bswap", &call("bswap"), move |a, _| a.swap_bytes() >> (128 - w.0));
    }
}

/// Whether the overflow intrinsics are supported.
fn has_overflow(width: Width) -> bool {
    width.0 <= 32 || width.0 >= 64
}

/// The exact result of an operation wraps at 128 bits too: whether it did.
type Overflowing<T> = fn(T, T) -> (T, bool);

fn overflow(c: &mut Collector) {
    let w = c.width;
    if !has_overflow(w) {
        return;
    }
    let unsigned: [(&str, Overflowing<u128>); 3] = [
        ("uadd", u128::overflowing_add),
        ("usub", u128::overflowing_sub),
        ("umul", u128::overflowing_mul),
    ];
    for (name, operation) in unsigned {
        let (result, flag) = overflow_bodies(name);
        c.same(name, &result, move |a, b| operation(a, b).0);
        c.add(&format!("{name} flag"), &flag, Width(1), move |a, b| {
            let (exact, beyond) = operation(a, b);
            u128::from(beyond || exact > w.mask())
        });
    }
    let signed: [(&str, Overflowing<i128>); 3] = [
        ("sadd", i128::overflowing_add),
        ("ssub", i128::overflowing_sub),
        ("smul", i128::overflowing_mul),
    ];
    for (name, operation) in signed {
        let (result, flag) = overflow_bodies(name);
        c.same(name, &result, move |a, b| operation(w.signed(a), w.signed(b)).0.cast_unsigned());
        c.add(&format!("{name} flag"), &flag, Width(1), move |a, b| {
            let (exact, beyond) = operation(w.signed(a), w.signed(b));
            u128::from(beyond || exact < w.smallest() || exact > w.largest())
        });
    }
}

fn overflow_bodies(name: &str) -> (String, String) {
    let call = format!("%both = call {{ iN, i1 }} @llvm.{name}.with.overflow.iN(iN %a, iN %b)\n");
    let part = |index: u32| format!("{call}%r = extractvalue {{ iN, i1 }} %both, {index}\n");
    (part(0), part(1))
}

fn saturation(c: &mut Collector) {
    let w = c.width;
    if !has_overflow(w) {
        return;
    }
    let call = |name: &str| format!("%r = call iN @llvm.{name}.sat.iN(iN %a, iN %b)\n");
    c.same("uadd sat", &call("uadd"), move |a, b| a.saturating_add(b).min(w.mask()));
    c.same("usub sat", &call("usub"), u128::saturating_sub);
    let clamped = move |exact: i128| exact.clamp(w.smallest(), w.largest()).cast_unsigned();
    c.same("sadd sat", &call("sadd"), move |a, b| clamped(w.signed(a).saturating_add(w.signed(b))));
    c.same("ssub sat", &call("ssub"), move |a, b| clamped(w.signed(a).saturating_sub(w.signed(b))));
}

fn memory(c: &mut Collector) {
    let w = c.width;
    let bytes = w.0.div_ceil(8);
    // Through memory, at an odd address, and back.
    let there_and_back = "%room = alloca [20 x i8], align 4\n\
                          %odd = getelementptr i8, ptr %room, i32 1\n\
                          store iN %a, ptr %odd, align 1\n%r = load iN, ptr %odd, align 1\n";
    c.same("memory", there_and_back, |a, _| a);
    // The most significant byte comes first.
    let first = "%room = alloca [20 x i8], align 4\nstore iN %a, ptr %room, align 4\n\
                 %r = load i8, ptr %room, align 4\n";
    c.add("first byte", first, Width(8), move |a, _| a >> (8 * (bytes - 1)));
    let aggregate = "%room = alloca { i8, iN }, align 4\n\
                     %one = insertvalue { i8, iN } poison, i8 7, 0\n\
                     %two = insertvalue { i8, iN } %one, iN %a, 1\n\
                     store { i8, iN } %two, ptr %room, align 4\n\
                     %back = load { i8, iN }, ptr %room, align 4\n\
                     %r = extractvalue { i8, iN } %back, 1\n";
    c.same("aggregate", aggregate, |a, _| a);
    if (4..=64).contains(&w.0) {
        let index = "%i = and iN %b, 7\n%p = getelementptr [2 x i8], ptr %operands, iN %i\n\
                     %r = load i8, ptr %p, align 1\n";
        c.add("index", index, Width(8), move |a, b| {
            let byte = 2 * (b & 7) as usize;
            u128::from(a.to_be_bytes()[byte])
        });
        let negative = "%i = or iN %b, -8\n%end = getelementptr i8, ptr %operands, i32 16\n\
                        %p = getelementptr i8, ptr %end, iN %i\n%r = load i8, ptr %p, align 1\n";
        c.add("negative index", negative, Width(8), move |a, b| {
            u128::from(a.to_be_bytes()[8 + (b & 7) as usize])
        });
    }
}

fn control(c: &mut Collector) {
    let w = c.width;
    c.same("select", "%s = icmp ult iN %a, %b\n%r = select i1 %s, iN %b, iN %a\n", u128::max);
    // Two phis that exchange their values, as often as the low bits of b say.
    let exchange = "%n = zext iN %b to i256\n%times = and i256 %n, 3\n\
                    br label %loop\nloop:\n\
                    %x = phi iN [ %a, %0 ], [ %y, %loop ]\n\
                    %y = phi iN [ %b, %0 ], [ %x, %loop ]\n\
                    %i = phi i256 [ 0, %0 ], [ %next, %loop ]\n\
                    %next = add i256 %i, 1\n%more = icmp ult i256 %i, %times\n\
                    br i1 %more, label %loop, label %done\ndone:\n%r = freeze iN %x\n";
    c.same("exchange", exchange, |a, b| if b & 1 == 0 { a } else { b });
    if w.0 > 2 {
        let switch = "switch iN %a, label %other [ iN 0, label %zero\n iN -1, label %minus\n\
                      iN 2, label %zero ]\nzero:\nbr label %done\nminus:\nbr label %done\n\
                      other:\nbr label %done\ndone:\n\
                      %r = phi i8 [ 1, %zero ], [ 2, %minus ], [ 3, %other ]\n";
        c.add("switch", switch, Width(8), move |a, _| match a {
            0 | 2 => 1,
            a if a == w.mask() => 2,
            _ => 3,
        });
    }
}
