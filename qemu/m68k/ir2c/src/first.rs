use crate::llvm::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::CString;
use std::fmt::Write;

type R<T> = Result<T, String>;
macro_rules! bail { ($($a:tt)*) => { return Err(format!($($a)*)) } }
macro_rules! w { ($o:expr, $($a:tt)*) => { write!($o, $($a)*).unwrap() } }

const VOID: u32 = 0;
const HALF: u32 = 1;
const FLOAT: u32 = 2;
const DOUBLE: u32 = 3;
const INT: u32 = 8;
const STRUCT: u32 = 10;
const ARRAY: u32 = 11;
const PTR: u32 = 12;

struct Cx {
    td: Td,
    aggs: HashMap<Ty, usize>,
    aggdefs: String,
    ids: HashMap<Val, usize>,
    loc: HashMap<Val, String>,
    blk: HashMap<Bb, usize>,
    slot: HashMap<Val, usize>,
    lines: bool,
    used: HashSet<Val>,
    rwsec: HashSet<String>,
}

fn kind(t: Ty) -> u32 {
    unsafe { LLVMGetTypeKind(t) }
}
fn width(t: Ty) -> u32 {
    unsafe { LLVMGetIntTypeWidth(t) }
}
fn ty(v: Val) -> Ty {
    unsafe { LLVMTypeOf(v) }
}
fn vk(v: Val) -> u32 {
    unsafe { LLVMGetValueKind(v) }
}
fn op(v: Val, i: u32) -> Val {
    unsafe { LLVMGetOperand(v, i) }
}
fn nops(v: Val) -> u32 {
    unsafe { LLVMGetNumOperands(v) as u32 }
}
fn cont(w: u32) -> u32 {
    match w {
        0..=8 => 8,
        9..=16 => 16,
        17..=32 => 32,
        _ => 64,
    }
}
fn attr_kind(n: &str) -> u32 {
    unsafe { LLVMGetEnumAttributeKindForName(n.as_ptr() as _, n.len()) }
}
fn has(f: Val, i: u32, n: &str) -> Option<Attr> {
    unsafe { LLVMGetEnumAttributeAtIndex(f, i, attr_kind(n)).ok() }
}
fn hascs(c: Val, i: u32, n: &str) -> Option<Attr> {
    unsafe { LLVMGetCallSiteEnumAttribute(c, i, attr_kind(n)).ok() }
}
fn params(t: Ty) -> Vec<Ty> {
    unsafe {
        let n = LLVMCountParamTypes(t) as usize;
        let mut v = vec![Ty(std::ptr::null_mut()); n];
        LLVMGetParamTypes(t, v.as_mut_ptr());
        v
    }
}
fn cstr(s: &str) -> String {
    let mut o = String::from("\"");
    for b in s.bytes() {
        match b {
            b'"' | b'\\' => {
                o.push('\\');
                o.push(b as char)
            }
            32..=126 => o.push(b as char),
            _ => w!(o, "\\{:03o}", b),
        }
    }
    o.push('"');
    o
}
fn ucast(e: &str, w: u32) -> String {
    match w {
        8 | 16 | 32 | 64 => format!("(u{w})({e})"),
        1 => format!("(u8)(({e})&1)"),
        _ => format!("(u{})(({e})&{}ull)", cont(w), (1u64 << w) - 1),
    }
}
fn sx(e: &str, w: u32) -> String {
    let c = cont(w);
    if c == w {
        format!("(s{w})({e})")
    } else {
        format!("((s{c})(u{c})(({e})<<{}) >> {})", c - w, c - w)
    }
}
/// the type arithmetic of width w is done in
fn awidth(w: u32) -> u32 {
    if w <= 32 { 32 } else { 64 }
}

impl Cx {
    fn elems(&self, t: Ty) -> Vec<Ty> {
        unsafe {
            if kind(t) == STRUCT {
                (0..LLVMCountStructElementTypes(t))
                    .map(|i| LLVMStructGetTypeAtIndex(t, i))
                    .collect()
            } else {
                vec![LLVMGetElementType(t); LLVMGetArrayLength2(t) as usize]
            }
        }
    }
    fn off(&self, t: Ty, i: usize) -> u64 {
        unsafe {
            if kind(t) == STRUCT {
                LLVMOffsetOfElement(self.td, t, i as u32)
            } else {
                LLVMABISizeOfType(self.td, LLVMGetElementType(t)) * i as u64
            }
        }
    }
    fn cty(&mut self, t: Ty) -> R<String> {
        Ok(match kind(t) {
            VOID => "void".into(),
            HALF => "u16".into(),
            5 => "W".into(),
            FLOAT => "float".into(),
            DOUBLE => "double".into(),
            PTR => "P".into(),
            INT => {
                let w = width(t);
                if w <= 64 {
                    format!("u{}", cont(w))
                } else if w <= 256 {
                    "W".into()
                } else {
                    bail!("integer type i{w}")
                }
            }
            STRUCT | ARRAY => {
                if !self.aggs.contains_key(&t) {
                    let e = self.elems(t);
                    if e.len() > 64 {
                        bail!("first-class aggregate of {} elements", e.len())
                    }
                    let mut d = String::new();
                    for (i, x) in e.iter().enumerate() {
                        let c = self.cty(*x)?;
                        w!(d, " {c} f{i};");
                    }
                    let n = self.aggs.len();
                    self.aggs.insert(t, n);
                    w!(self.aggdefs, "struct A{n} {{{d} }};\n");
                }
                format!("struct A{}", self.aggs[&t])
            }
            _ => bail!("type {}", showty(t)),
        })
    }
    fn bigconst(v: Val) -> R<u128> {
        let s = show(v);
        s.rsplit(' ')
            .next()
            .unwrap()
            .parse::<i128>()
            .map(|x| x as u128)
            .map_err(|_| format!("wide constant {s}"))
    }
    /// symbol + addend of a constant address
    fn addr(&self, v: Val) -> R<(Val, i64)> {
        unsafe {
            match vk(v) {
                5 | 6 | 8 => Ok((v, 0)),
                10 => match LLVMGetConstOpcode(v) {
                    29 => {
                        let (s, a) = self.addr(op(v, 0))?;
                        Ok((s, a + self.gep_const(v)?))
                    }
                    39 | 40 | 41 | 69 => self.addr(op(v, 0)),
                    _ => bail!("constant address {}", show(v)),
                },
                _ => bail!("constant address {}", show(v)),
            }
        }
    }
    fn gep_const(&self, v: Val) -> R<i64> {
        unsafe {
            let mut t = LLVMGetGEPSourceElementType(v);
            let mut o = 0i64;
            for i in 1..nops(v) {
                let x = op(v, i);
                if vk(x) != 18 {
                    bail!("variable constant index {}", show(v))
                }
                let n = LLVMConstIntGetZExtValue(x);
                let w = width(ty(x));
                let n = ((n << (64 - w)) as i64) >> (64 - w);
                if i == 1 {
                    o += n * LLVMABISizeOfType(self.td, t) as i64
                } else {
                    o += self.off(t, n as usize) as i64;
                    t = if kind(t) == STRUCT {
                        LLVMStructGetTypeAtIndex(t, n as u32)
                    } else {
                        LLVMGetElementType(t)
                    }
                }
            }
            Ok(o)
        }
    }
    fn val(&mut self, v: Val) -> R<String> {
        if let Some(n) = self.loc.get(&v) {
            return Ok(n.clone());
        }
        let t = ty(v);
        Ok(match vk(v) {
            5 => format!("(P)f{}", self.ids[&v]),
            8 => format!("((P)&g{})", self.ids[&v]),
            6 => format!("((P)&l{})", self.ids[&v]),
            18 => {
                let w = width(t);
                if w > 64 {
                    let x = Self::bigconst(v)?;
                    if w > 128 && (x as i128) < 0 {
                        format!("w_mask(w_sx(w_mk({}ull,{}ull),128),{w})", x >> 64, x as u64)
                    } else {
                        let x = if w < 128 {
                            x & (u128::MAX >> (128 - w))
                        } else {
                            x
                        };
                        format!("w_mk({}ull,{}ull)", x >> 64, x as u64)
                    }
                } else {
                    let x = unsafe { LLVMConstIntGetZExtValue(v) };
                    if w <= 32 {
                        format!("(u{}){x}u", cont(w))
                    } else {
                        format!("{x}ull")
                    }
                }
            }
            19 => {
                let d = unsafe { LLVMConstRealGetDouble(v, &mut 0) };
                if kind(t) == FLOAT {
                    format!("f32_bits({}u)", (d as f32).to_bits())
                } else {
                    format!("f64_bits({}ull)", d.to_bits())
                }
            }
            20 => "(P)0".into(),
            14 | 25 | 15 => match kind(t) {
                STRUCT | ARRAY => format!("({}){{0}}", self.cty(t)?),
                INT if width(t) > 64 => "w_mk(0,0)".into(),
                _ => format!("({})0", self.cty(t)?),
            },
            11 | 12 | 16 => {
                let n = self.elems(t).len();
                let mut s = format!("({}){{", self.cty(t)?);
                for i in 0..n {
                    let e = self.val(unsafe { LLVMGetAggregateElement(v, i as u32) })?;
                    w!(s, "{e},");
                }
                s + "}"
            }
            10 => {
                let o = unsafe { LLVMGetConstOpcode(v) };
                match o {
                    29 | 40 | 41 if kind(t) == PTR && self.addr(v).is_ok() => {
                        let (s, a) = self.addr(v)?;
                        let b = self.val(s)?;
                        format!("({b}+({a}))")
                    }
                    29 => {
                        let b = self.val(op(v, 0))?;
                        let o = self.gep_const(v)?;
                        format!("({b}+({o}))")
                    }
                    39 | 69 => {
                        let a = self.val(op(v, 0))?;
                        ucast(&format!("(u32){a}"), width(t))
                    }
                    40 => {
                        let a = self.val(op(v, 0))?;
                        format!("((P)(u32)({a}))")
                    }
                    30 => {
                        let a = self.val(op(v, 0))?;
                        ucast(&a, width(t))
                    }
                    8 | 10 | 25 => {
                        let (a, b) = (self.val(op(v, 0))?, self.val(op(v, 1))?);
                        ucast(
                            &format!(
                                "{a}{}{b}",
                                ["+", "-", "^"][[8, 10, 25].iter().position(|x| *x == o).unwrap()]
                            ),
                            width(t),
                        )
                    }
                    _ => bail!("constant expression {}", show(v)),
                }
            }
            k => bail!("value kind {k}: {}", show(v)),
        })
    }
    fn flat(
        &self,
        v: Val,
        at: usize,
        b: &mut Vec<u8>,
        rel: &mut BTreeMap<usize, (Val, i64)>,
    ) -> R<()> {
        let t = ty(v);
        match vk(v) {
            14 | 25 | 15 | 20 => {}
            18 => {
                let w = width(t);
                let x = if w > 64 {
                    if w > 128 {
                        bail!("initialiser {}", show(v))
                    }
                    Self::bigconst(v)?
                } else {
                    unsafe { LLVMConstIntGetZExtValue(v) as u128 }
                };
                let n = w.div_ceil(8) as usize;
                for i in 0..n {
                    b[at + n - 1 - i] = (x >> (8 * i)) as u8
                }
            }
            19 => {
                let d = unsafe { LLVMConstRealGetDouble(v, &mut 0) };
                match kind(t) {
                    FLOAT => b[at..at + 4].copy_from_slice(&(d as f32).to_bits().to_be_bytes()),
                    DOUBLE => b[at..at + 8].copy_from_slice(&d.to_bits().to_be_bytes()),
                    _ => bail!("constant {}", show(v)),
                }
            }
            16 if width(unsafe { LLVMGetElementType(t) }) == 8 => {
                let mut n = 0;
                let p = unsafe { LLVMGetRawDataValues(v, &mut n) };
                b[at..at + n]
                    .copy_from_slice(unsafe { std::slice::from_raw_parts(p as *const u8, n) })
            }
            11 | 12 | 16 => {
                for i in 0..self.elems(t).len() {
                    self.flat(
                        unsafe { LLVMGetAggregateElement(v, i as u32) },
                        at + self.off(t, i) as usize,
                        b,
                        rel,
                    )?
                }
            }
            10 if unsafe { LLVMGetConstOpcode(v) } == 40 && vk(op(v, 0)) == 18 => {
                self.flat(op(v, 0), at, b, rel)?
            }
            _ => {
                if kind(t) != PTR && width(t) != 32 {
                    bail!("initialiser {}", show(v))
                }
                rel.insert(at, self.addr(v)?);
            }
        }
        Ok(())
    }
    fn proto(&mut self, ft: Ty, f: Option<Val>, cs: Option<Val>) -> R<(String, Vec<String>)> {
        let at = |i: u32, n: &str| match (f, cs) {
            (Some(f), _) => has(f, i, n),
            (_, Some(c)) => hascs(c, i, n),
            _ => None,
        };
        let ext = |t: Ty, c: String, i: u32| {
            if kind(t) == INT && width(t) < 32 && at(i, "signext").is_some() {
                format!("s{}", cont(width(t)))
            } else {
                c
            }
        };
        let rt = unsafe { LLVMGetReturnType(ft) };
        let c = self.cty(rt)?;
        let ret = ext(rt, c, 0);
        let mut ps = vec![];
        for (i, t) in params(ft).into_iter().enumerate() {
            let i1 = i as u32 + 1;
            if at(i1, "inreg").is_some() || at(i1, "nest").is_some() {
                bail!("inreg/nest parameter")
            }
            if let Some(a) = at(i1, "byval") {
                let bt = unsafe { LLVMGetTypeAttributeValue(a) };
                let n = unsafe { LLVMABISizeOfType(self.td, bt) };
                ps.push(self.blob(n));
                continue;
            }
            let c = self.cty(t)?;
            ps.push(ext(t, c, i1));
        }
        if unsafe { LLVMIsFunctionVarArg(ft) } != 0 {
            ps.push("...".into())
        } else if ps.is_empty() {
            ps.push("void".into())
        }
        Ok((ret, ps))
    }
    /// a struct of n bytes passed by value the way GCC passes any struct of that size
    fn blob(&mut self, n: u64) -> String {
        let d = format!(
            "struct B{n} {{ u8 b[{n}]; }}{};\n",
            if n % 2 == 0 {
                " __attribute__((aligned(2)))"
            } else {
                ""
            }
        );
        if !self.aggdefs.contains(&d) {
            self.aggdefs += &d
        }
        format!("struct B{n}")
    }
    fn mem(&mut self, t: Ty, p: &str, al: u32, vol: bool) -> R<Option<String>> {
        let a = if al >= 2 { 2 } else { 1 };
        let v = if vol { "volatile " } else { "" };
        let n = match kind(t) {
            INT => {
                let b = width(t).div_ceil(8);
                match b {
                    1 => "u8_1".into(),
                    2 | 4 | 8 => format!("u{}_{a}", b * 8),
                    _ => return Ok(None),
                }
            }
            PTR => format!("P_{a}"),
            HALF => format!("u16_{a}"),
            FLOAT => format!("float_{a}"),
            DOUBLE => format!("double_{a}"),
            _ => return Ok(None),
        };
        Ok(Some(format!("*({v}{n}*)({p})")))
    }
    fn load(&mut self, t: Ty, dst: &str, p: &str, al: u32, vol: bool, o: &mut String) -> R<()> {
        if let Some(m) = self.mem(t, p, al, vol)? {
            let e = if kind(t) == INT {
                ucast(&m, width(t))
            } else {
                m
            };
            w!(o, "{dst}={e};");
            return Ok(());
        }
        match kind(t) {
            STRUCT | ARRAY => {
                for (i, e) in self.elems(t).into_iter().enumerate() {
                    let f = self.off(t, i);
                    self.load(
                        e,
                        &format!("{dst}.f{i}"),
                        &format!("{p}+{f}"),
                        al.min(if f % 2 == 0 { 2 } else { 1 }),
                        vol,
                        o,
                    )?
                }
            }
            INT if !vol => {
                let n = width(t).div_ceil(8);
                if n > 8 {
                    w!(o, "{dst}=w_mask(w_ld({p},{n}),{});", width(t))
                } else {
                    w!(o, "{dst}={};", ucast(&format!("ld_be({p},{n})"), width(t)))
                }
            }
            _ => bail!("load of {}", showty(t)),
        }
        Ok(())
    }
    fn store(&mut self, t: Ty, v: &str, p: &str, al: u32, vol: bool, o: &mut String) -> R<()> {
        if let Some(m) = self.mem(t, p, al, vol)? {
            w!(o, "{m}={v};");
            return Ok(());
        }
        match kind(t) {
            STRUCT | ARRAY => {
                let c = self.cty(t)?;
                w!(o, "{{{c} t={v};");
                for (i, e) in self.elems(t).into_iter().enumerate() {
                    let f = self.off(t, i);
                    self.store(
                        e,
                        &format!("t.f{i}"),
                        &format!("{p}+{f}"),
                        al.min(if f % 2 == 0 { 2 } else { 1 }),
                        vol,
                        o,
                    )?
                }
                w!(o, "}}")
            }
            INT if !vol => {
                let n = width(t).div_ceil(8);
                if n > 8 {
                    w!(o, "w_st({p},{n},{v});")
                } else {
                    w!(o, "st_be({p},{n},{v});")
                }
            }
            _ => bail!("store of {}", showty(t)),
        }
        Ok(())
    }
    fn gep(&mut self, i: Val) -> R<String> {
        let mut t = unsafe { LLVMGetGEPSourceElementType(i) };
        let mut s = self.val(op(i, 0))?;
        let mut o = 0i64;
        for k in 1..nops(i) {
            let x = op(i, k);
            let c = if vk(x) == 18 {
                let w = width(ty(x));
                Some(((unsafe { LLVMConstIntGetZExtValue(x) } << (64 - w)) as i64) >> (64 - w))
            } else {
                None
            };
            let size = if k > 1 && kind(t) == STRUCT {
                o += self.off(t, c.unwrap() as usize) as i64;
                t = unsafe { LLVMStructGetTypeAtIndex(t, c.unwrap() as u32) };
                continue;
            } else {
                if k > 1 {
                    t = unsafe { LLVMGetElementType(t) }
                }
                unsafe { LLVMABISizeOfType(self.td, t) as i64 }
            };
            match c {
                Some(c) => o += c * size,
                None => {
                    let w = width(ty(x));
                    let e = self.val(x)?;
                    let e = if w >= 32 {
                        format!("(s32)({e})")
                    } else {
                        format!("(s32){}", sx(&e, w))
                    };
                    w!(s, "+{e}*{size}")
                }
            }
        }
        if o as i32 != 0 {
            w!(s, "+({})", o as i32)
        }
        Ok(s)
    }
    fn binop(&mut self, o: u32, t: Ty, a: &str, b: &str) -> R<String> {
        if kind(t) != INT {
            return Ok(match o {
                9 => format!("{a}+{b}"),
                11 => format!("{a}-{b}"),
                16 => format!("{a}*{b}"),
                19 => format!("{a}/{b}"),
                12 => format!("{a}*{b}"),
                21 => {
                    if kind(t) == FLOAT {
                        format!("__builtin_fmodf({a},{b})")
                    } else {
                        format!("__builtin_fmod({a},{b})")
                    }
                }
                _ => bail!("float op {o}"),
            });
        }
        let w = width(t);
        if w > 64 {
            let m = |e: String| format!("w_mask({e},{w})");
            return Ok(match o {
                8 => m(format!("w_add({a},{b})")),
                10 => m(format!("w_sub({a},{b})")),
                12 => m(format!("w_mul({a},{b})")),
                14 => format!("w_udiv({a},{b})"),
                17 => format!("w_urem({a},{b})"),
                15 => m(format!("w_sdiv(w_sx({a},{w}),w_sx({b},{w}))")),
                18 => m(format!("w_srem(w_sx({a},{w}),w_sx({b},{w}))")),
                20 => m(format!("w_shl({a},{b})")),
                21 => bail!("frem"),
                22 => m(format!("w_ashr(w_sx({a},{w}),{b})")),
                23 => format!("w_and({a},{b})"),
                24 => format!("w_or({a},{b})"),
                25 => format!("w_xor({a},{b})"),
                _ => bail!("wide op {o}"),
            }
            .to_string());
        }
        let n = awidth(w);
        let (ua, ub) = (format!("(u{n}){a}"), format!("(u{n}){b}"));
        let sh = |w: u32| -> String {
            if w == 32 || w == 64 {
                format!("((u32){b}&{})", w - 1)
            } else {
                format!("((u32){b}&{})", n - 1)
            }
        };
        Ok(match o {
            8 => ucast(&format!("{ua}+{ub}"), w),
            10 => ucast(&format!("{ua}-{ub}"), w),
            12 => ucast(&format!("{ua}*{ub}"), w),
            14 => format!("{a}/{b}"),
            17 => format!("{a}%{b}"),
            15 => ucast(&format!("{}/{}", sx(a, w), sx(b, w)), w),
            18 => ucast(&format!("{}%{}", sx(a, w), sx(b, w)), w),
            20 => ucast(&format!("{ua}<<{}", sh(w)), w),
            21 => format!("{ua}>>{}", sh(w)),
            22 => ucast(&format!("(s{n}){}>>{}", sx(a, w), sh(w)), w),
            23 => format!("{a}&{b}"),
            24 => format!("{a}|{b}"),
            25 => format!("{a}^{b}"),
            _ => bail!("binary op {o}"),
        })
    }
    fn icmp(&mut self, p: u32, t: Ty, a: &str, b: &str) -> String {
        if kind(t) == PTR {
            return self.cmpx(p, &format!("(u32){a}"), &format!("(u32){b}"), 32);
        }
        self.cmpx(p, a, b, width(t))
    }
    fn cmpx(&self, p: u32, a: &str, b: &str, w: u32) -> String {
        if w > 64 {
            let (x, y) = if p >= 38 {
                (format!("w_sx({a},{w})"), format!("w_sx({b},{w})"))
            } else {
                (a.into(), b.into())
            };
            let f = if p >= 38 { "w_slt" } else { "w_ult" };
            return match p {
                32 => format!("w_eq({a},{b})"),
                33 => format!("!w_eq({a},{b})"),
                34 | 38 => format!("{f}({y},{x})"),
                35 | 39 => format!("!{f}({x},{y})"),
                36 | 40 => format!("{f}({x},{y})"),
                _ => format!("!{f}({y},{x})"),
            };
        }
        let c = ["==", "!=", ">", ">=", "<", "<=", ">", ">=", "<", "<="][p as usize - 32];
        if p >= 38 {
            format!("({}){c}({})", sx(a, w), sx(b, w))
        } else {
            format!("({a}){c}({b})")
        }
    }
    fn intrinsic(&mut self, n: &str, i: Val, d: &str, o: &mut String) -> R<()> {
        let b = n.strip_prefix("llvm.").unwrap();
        let is = |p: &str| b == p || b.strip_prefix(p).is_some_and(|r| r.starts_with('.'));
        let na = unsafe { LLVMGetNumArgOperands(i) };
        let t = ty(i);
        let at = if na > 0 { ty(op(i, 0)) } else { t };
        if [
            "lifetime.start",
            "lifetime.end",
            "assume",
            "experimental.noalias.scope.decl",
            "dbg",
            "donothing",
            "prefetch",
            "invariant.end",
        ]
        .iter()
        .any(|p| is(p))
        {
            return Ok(());
        }
        let mut a = vec![];
        for k in 0..na {
            let x = op(i, k);
            if kind(ty(x)) == 14 {
                bail!("metadata operand")
            }
            a.push(self.val(x)?)
        }
        if kind(t) == HALF || kind(at) == HALF {
            bail!("half intrinsic {n}")
        }
        let wd = if kind(at) == INT { width(at) } else { 0 };
        let c = cont(wd);
        let big = wd > 64;
        let exact = wd == c;
        let aw = awidth(wd);
        for f in ["memcpy", "memmove", "memset"] {
            if is(f) || is(&format!("{f}.inline")) {
                if vk(op(i, 3)) != 18 || unsafe { LLVMConstIntGetZExtValue(op(i, 3)) } != 0 {
                    bail!("volatile {f}")
                }
                w!(o, "__builtin_{f}({},{},(u32){});", a[0], a[1], a[2]);
                return Ok(());
            }
        }
        if is("trap") || is("ubsantrap") {
            w!(o, "__builtin_trap();");
            return Ok(());
        }
        if is("debugtrap") {
            w!(o, "__asm__ volatile(\"trap #15\");");
            return Ok(());
        }
        if is("va_start") {
            let f = unsafe { LLVMGetInstructionParentFn(i) };
            let k = params(unsafe { LLVMGlobalGetValueType(f) }).len();
            if k == 0 {
                bail!("va_start without named parameter")
            }
            w!(
                o,
                "__builtin_va_start(*(__builtin_va_list*)({}),p{});",
                a[0],
                k - 1
            );
            return Ok(());
        }
        if is("va_end") {
            w!(o, "__builtin_va_end(*(__builtin_va_list*)({}));", a[0]);
            return Ok(());
        }
        if is("va_copy") {
            w!(
                o,
                "__builtin_va_copy(*(__builtin_va_list*)({}),*(__builtin_va_list*)({}));",
                a[0],
                a[1]
            );
            return Ok(());
        }
        for (nm, sgn, f, cop) in [
            ("uadd", 0, "add", "+"),
            ("sadd", 1, "add", "+"),
            ("usub", 0, "sub", "-"),
            ("ssub", 1, "sub", "-"),
            ("umul", 0, "mul", "*"),
            ("smul", 1, "mul", "*"),
        ] {
            let (x, y) = if sgn == 1 && !big {
                (sx(&a[0], wd), sx(a.get(1).map_or("0", |s| s), wd))
            } else {
                (a[0].clone(), a.get(1).cloned().unwrap_or_default())
            };
            let s = if sgn == 1 { "s" } else { "u" };
            if is(&format!("{nm}.with.overflow")) {
                if big {
                    if wd > 128 {
                        bail!("{n}")
                    }
                    let e = |s: &str| {
                        if sgn == 1 {
                            format!("w_sx({s},{wd})")
                        } else {
                            s.into()
                        }
                    };
                    w!(
                        o,
                        "{{W t=w_{f}({},{});{d}.f0=w_mask(t,{wd});{d}.f1=!w_eq({},t);}}",
                        e(&x),
                        e(&y),
                        e(&format!("{d}.f0"))
                    )
                } else if exact {
                    w!(
                        o,
                        "{{{s}{c} t;{d}.f1=__builtin_{f}_overflow(({s}{c}){x},({s}{c}){y},&t);{d}.f0=(u{c})t;}}"
                    )
                } else if wd <= 32 {
                    let r = format!("(s64){x}{cop}(s64){y}");
                    w!(
                        o,
                        "{{s64 t={r};{d}.f0={};{d}.f1=t!=(s64){};}}",
                        ucast("t", wd),
                        if sgn == 1 {
                            sx("t", wd)
                        } else {
                            ucast("t", wd)
                        }
                    )
                } else {
                    bail!("{n}")
                }
                return Ok(());
            }
            if is(&format!("{nm}.sat")) {
                if big && f != "mul" {
                    let e = |s: &str| {
                        if sgn == 1 {
                            format!("w_sx({s},{wd})")
                        } else {
                            s.into()
                        }
                    };
                    let one = |k: u32| format!("w_sub(w_shl(w_mk(0,1),w_mk(0,{k})),w_mk(0,1))"); // wraps only beyond 256 bits: decide from the exact result
                    let (lo, hi) = if sgn == 1 {
                        (
                            format!("w_neg(w_shl(w_mk(0,1),w_mk(0,{})))", wd - 1),
                            one(wd - 1),
                        )
                    } else {
                        ("w_mk(0,0)".into(), one(wd))
                    };
                    if wd > 128 {
                        bail!("{n}")
                    }
                    w!(
                        o,
                        "{{W t=w_{f}({},{});if(w_slt(t,{lo}))t={lo};if(w_slt({hi},t))t={hi};{d}=w_mask(t,{wd});}}",
                        e(&x),
                        e(&y)
                    );
                    return Ok(());
                }
                if big || !exact {
                    bail!("{n}")
                }
                match nm {
                    "uadd" => w!(o, "{d}=(u{c})({x}+{y});if({d}<{x}){d}=(u{c})-1;"),
                    "usub" => w!(o, "{d}={x}>{y}?{x}-{y}:0;"),
                    _ => w!(
                        o,
                        "{{s{c} t;if(__builtin_{f}_overflow((s{c}){x},(s{c}){y},&t))t=({x})<0?(s{c})((u{c})1<<{}):(s{c})(((u{c})1<<{})-1);{d}=(u{c})t;}}",
                        c - 1,
                        c - 1
                    ),
                }
                return Ok(());
            }
        }
        for (nm, p) in [("umin", 36), ("umax", 34), ("smin", 40), ("smax", 38)] {
            if is(nm) {
                let e = self.cmpx(p, &a[0], &a[1], wd);
                w!(o, "{d}={e}?{}:{};", a[0], a[1]);
                return Ok(());
            }
        }
        for (nm, g, l) in [("ucmp", 34, 36), ("scmp", 38, 40)] {
            if is(nm) {
                let (g, l) = (
                    self.icmp(g, at, &a[0], &a[1]),
                    self.icmp(l, at, &a[0], &a[1]),
                );
                let e = ucast(&format!("({g})-({l})"), width(t));
                w!(o, "{d}={e};");
                return Ok(());
            }
        }
        let e = if is("fshl") || is("fshr") {
            let l = is("fshl");
            if big {
                if wd != 128 {
                    bail!("{n}")
                }
                w!(
                    o,
                    "{{u32 n={}.w[0]&127;W t=w_or(w_shl({},w_mk(0,128)),{});{d}=w_mask({},128);}}",
                    a[2],
                    a[0],
                    a[1],
                    if l {
                        "w_lshr(t,w_mk(0,128-n))"
                    } else {
                        "w_lshr(t,w_mk(0,n))"
                    }
                );
                return Ok(());
            }
            w!(
                o,
                "{{u{aw} x=(u{aw}){},y=(u{aw}){};u32 n=(u32)({}%{wd});",
                a[0],
                a[1],
                if c == 64 {
                    format!("(u64){}", a[2])
                } else {
                    format!("(u32){}", a[2])
                }
            );
            let same = a[0] == a[1] && exact && wd == aw;
            let e = match (l, same) {
                (true, true) => format!("x<<n|x>>(-n&{})", wd - 1),
                (false, true) => format!("x>>n|x<<(-n&{})", wd - 1),
                (true, false) => format!("n?x<<n|y>>({wd}-n):x"),
                (false, false) => format!("n?x<<({wd}-n)|y>>n:y"),
            };
            w!(o, "{d}={};}}", ucast(&e, wd));
            return Ok(());
        } else if is("bswap") {
            if big {
                format!("w_bswap({},{})", a[0], wd / 8)
            } else {
                if !exact {
                    bail!("{n}")
                }
                format!("__builtin_bswap{c}({})", a[0])
            }
        } else if is("bitreverse") {
            if big {
                format!("w_rev({},{wd})", a[0])
            } else {
                format!("(u{c})(bitrev64({})>>{})", a[0], 64 - wd)
            }
        } else if is("ctlz") {
            if big {
                format!("w_mk(0,w_clz({},{wd}))", a[0])
            } else if c == 64 {
                format!("{0}?__builtin_clzll({0})-{1}:{wd}", a[0], 64 - wd)
            } else {
                format!("{0}?__builtin_clz({0})-{1}:{wd}", a[0], 32 - wd)
            }
        } else if is("cttz") {
            if big {
                format!("w_mk(0,w_ctz({},{wd}))", a[0])
            } else if c == 64 {
                format!("{0}?__builtin_ctzll({0}):{wd}", a[0])
            } else {
                format!("{0}?__builtin_ctz({0}):{wd}", a[0])
            }
        } else if is("ctpop") {
            if big {
                format!("w_mk(0,w_pop({}))", a[0])
            } else if c == 64 {
                format!("__builtin_popcountll({})", a[0])
            } else {
                ucast(&format!("__builtin_popcount({})", a[0]), wd)
            }
        } else if is("abs") {
            if big {
                format!("w_mask(w_abs(w_sx({},{wd})),{wd})", a[0])
            } else {
                ucast(
                    &format!("{}<0?-(u{aw}){}:(u{aw}){}", sx(&a[0], wd), a[0], a[0]),
                    wd,
                )
            }
        } else if is("expect")
            || is("expect.with.probability")
            || is("launder.invariant.group")
            || is("strip.invariant.group")
            || is("invariant.start")
        {
            a[0].clone()
        } else if is("clmul") {
            let e = format!(
                "w_clmul({},{},{wd})",
                if big {
                    a[0].clone()
                } else {
                    format!("w_mk(0,{})", a[0])
                },
                if big {
                    a[1].clone()
                } else {
                    format!("w_mk(0,{})", a[1])
                }
            );
            if big {
                format!("w_mask({e},{wd})")
            } else {
                ucast(&format!("w_lo({e})"), wd)
            }
        } else if is("is.fpclass") {
            if kind(at) != FLOAT && kind(at) != DOUBLE {
                bail!("{n}")
            }
            let (u, e, m) = if kind(at) == FLOAT {
                ("u32", "0x7f800000u", "bits_f32")
            } else {
                ("u64", "0x7ff0000000000000ull", "bits_f64")
            };
            let q = if kind(at) == FLOAT {
                "0x400000u"
            } else {
                "0x8000000000000ull"
            };
            format!(
                "({{{u} b={m}({}),s=b>>(sizeof b*8-1),x=b<<1>>1;u32 c=x>{e}?((x&{q})?2:1):x=={e}?(s?4:512):(x&{e})?(s?8:256):x?(s?16:128):(s?32:64);(u8)((c&{})!=0);}})",
                a[0], a[1]
            )
        } else if is("is.constant") {
            "0".into()
        } else if is("ptrmask") {
            format!("(P)((u32){}&{})", a[0], a[1])
        } else if is("returnaddress") {
            format!("(P)__builtin_return_address({})", a[0])
        } else if is("frameaddress") {
            format!("(P)__builtin_frame_address({})", a[0])
        } else if is("fabs") {
            if kind(t) == FLOAT {
                format!("f32_bits(bits_f32({})&0x7fffffffu)", a[0])
            } else {
                format!("f64_bits(bits_f64({})&0x7fffffffffffffffull)", a[0])
            }
        } else if let Some(mx) = [
            ("minnum", "<"),
            ("minimumnum", "<"),
            ("maxnum", ">"),
            ("maximumnum", ">"),
        ]
        .iter()
        .find(|x| is(x.0))
        {
            let (x, y, z) = (&a[0], &a[1], if kind(t) == FLOAT { "f32" } else { "f64" });
            format!(
                "{x}!={x}?{y}:{y}!={y}?{x}:{x}=={y}?{z}_bits(bits_{z}({x}){}bits_{z}({y})):{x}{}{y}?{x}:{y}",
                if mx.1 == "<" { "|" } else { "&" },
                mx.1
            )
        } else if is("copysign") {
            if kind(t) == FLOAT {
                format!(
                    "f32_bits((bits_f32({})&0x7fffffffu)|(bits_f32({})&0x80000000u))",
                    a[0], a[1]
                )
            } else {
                format!(
                    "f64_bits((bits_f64({})&0x7fffffffffffffffull)|(bits_f64({})&0x8000000000000000ull))",
                    a[0], a[1]
                )
            }
        } else if is("fptoui.sat") || is("fptosi.sat") {
            let w = width(t);
            if w > 64 {
                bail!("{n}")
            }
            let s = is("fptosi.sat");
            let (lo, hi) = if s {
                (-(2f64.powi(w as i32 - 1)), 2f64.powi(w as i32 - 1))
            } else {
                (0.0, 2f64.powi(w as i32))
            };
            let ct = cont(w);
            let (mn, mx) = if s {
                (1u64 << (w - 1), (1u64 << (w - 1)) - 1)
            } else {
                (0, u64::MAX >> (64 - w))
            };
            format!(
                "(u{ct})({0}!={0}?0:{0}<={lo:?}?{mn}ull:{0}>={hi:?}?{mx}ull:(u64)({1}64){0})",
                a[0],
                if s { "s" } else { "u" }
            )
        } else {
            bail!("intrinsic {n}")
        };
        w!(o, "{d}={e};");
        Ok(())
    }
    fn asm(&mut self, i: Val, f: Val, d: &str, o: &mut String) -> R<()> {
        let (mut n1, mut n2) = (0, 0);
        let tmpl = text(unsafe { LLVMGetInlineAsmAsmString(f, &mut n1) }, n1);
        let cons = text(unsafe { LLVMGetInlineAsmConstraintString(f, &mut n2) }, n2);
        let mut t = String::new();
        let mut it = tmpl.chars().peekable();
        while let Some(c) = it.next() {
            match c {
                '%' => t.push_str("%%"),
                '$' => match it.peek() {
                    Some('$') => {
                        it.next();
                        t.push('$')
                    }
                    Some('{') => {
                        it.next();
                        let mut s = String::new();
                        for x in it.by_ref() {
                            if x == '}' {
                                break;
                            }
                            s.push(x)
                        }
                        let s = s.trim_end_matches(':');
                        if s.contains(':') {
                            bail!("asm operand modifier {s}")
                        }
                        w!(t, "%{s}")
                    }
                    _ => t.push('%'),
                },
                c => t.push(c),
            }
        }
        let rt = ty(i);
        let outs: Vec<Ty> = match kind(rt) {
            VOID => vec![],
            STRUCT => self.elems(rt),
            _ => vec![rt],
        };
        let (mut co, mut ci, mut cc, mut pre, mut post) =
            (vec![], vec![], vec![], String::new(), String::new());
        let (mut k, mut a) = (0usize, 0u32);
        for c in cons.split(',').filter(|c| !c.is_empty()) {
            if let Some(r) = c.strip_prefix("~{") {
                let r = r.trim_end_matches('}');
                cc.push(cstr(if r == "ccr" { "cc" } else { r }));
                continue;
            }
            if c.contains('*') || c.contains('|') || c.starts_with('!') {
                bail!("asm constraint {c}")
            }
            let out = c.starts_with('=');
            let m = c.trim_start_matches(['=', '&']);
            let reg = m.strip_prefix('{').map(|r| r.trim_end_matches('}'));
            let rg = reg.map_or(String::new(), |r| format!(" __asm__({})", cstr(r)));
            let kw = if reg.is_some() { "register " } else { "" };
            let cn = if reg.is_some() { "r" } else { m };
            if out {
                let ct = self.cty(outs[k])?;
                w!(pre, "{kw}{ct} o{k}{rg};");
                co.push(format!(
                    "\"={}{cn}\"(o{k})",
                    if c.contains('&') { "&" } else { "" }
                ));
                w!(
                    post,
                    "{d}{}=o{k};",
                    if kind(rt) == STRUCT {
                        format!(".f{k}")
                    } else {
                        String::new()
                    }
                );
                k += 1
            } else {
                let x = op(i, a);
                let ct = self.cty(ty(x))?;
                let e = self.val(x)?;
                if cn == "i" || cn == "n" || cn == "s" {
                    ci.push(format!("\"{cn}\"({e})"))
                } else {
                    w!(pre, "{kw}{ct} i{a}{rg}={e};");
                    ci.push(format!("\"{cn}\"(i{a})"))
                }
                a += 1
            }
        }
        let vol = if unsafe { LLVMGetInlineAsmHasSideEffects(f) } != 0 {
            " volatile"
        } else {
            ""
        };
        w!(
            o,
            "{{{pre}__asm__{vol}({}:{}:{}:{});{post}}}",
            cstr(&t),
            co.join(","),
            ci.join(","),
            cc.join(",")
        );
        Ok(())
    }
    fn call(&mut self, i: Val, d: &str, o: &mut String) -> R<()> {
        unsafe {
            let f = LLVMGetCalledValue(i);
            let ft = LLVMGetCalledFunctionType(i);
            if vk(f) == 23 {
                return self.asm(i, f, d, o);
            }
            if LLVMGetTailCallKind(i) == 2 {
                bail!("musttail call")
            }
            if vk(f) == 5 {
                let n = name(f);
                if n.starts_with("llvm.") {
                    return self.intrinsic(&n, i, d, o);
                }
            }
            let nb = (LLVMGetNumArgOperands(i)) as usize;
            let nfix = params(ft).len();
            let mut a = vec![];
            for k in 0..nb {
                let x = op(i, k as u32);
                let e = self.val(x)?;
                a.push(match hascs(i, k as u32 + 1, "byval") {
                    Some(b) => {
                        let n = LLVMABISizeOfType(self.td, LLVMGetTypeAttributeValue(b));
                        let b = self.blob(n);
                        format!("*({b}*)({e})")
                    }
                    None if k >= nfix && kind(ty(x)) == INT && width(ty(x)) < 32 => {
                        bail!("narrow variadic argument")
                    }
                    None => e,
                })
            }
            let direct = vk(f) == 5 && LLVMGlobalGetValueType(f) == ft;
            // struct return through the C convention only at the boundary
            let sret = hascs(i, 1, "sret")
                .map(|x| LLVMABISizeOfType(self.td, LLVMGetTypeAttributeValue(x)));
            if let (Some(n), true) = (sret, vk(f) == 5 && LLVMIsDeclaration(f) != 0) {
                let b = self.blob(n);
                w!(
                    o,
                    "*({b}*)({})=f{}({});",
                    a[0],
                    self.ids[&f],
                    a[1..].join(",")
                );
                return Ok(());
            }
            let callee = if direct {
                format!("f{}", self.ids[&f])
            } else {
                let (r, ps) = self.proto(ft, None, Some(i))?;
                let e = self.val(f)?;
                w!(o, "{{{r}(*fp)({})=(void*)({e});", ps.join(","));
                "fp".into()
            };
            let call = format!("{callee}({})", a.join(","));
            if kind(ty(i)) == VOID {
                w!(o, "{call};")
            } else {
                let t = ty(i);
                let e = if kind(t) == INT && width(t) < 32 {
                    ucast(&call, width(t))
                } else {
                    call
                };
                w!(o, "{d}={e};")
            }
            if !direct {
                w!(o, "}}")
            }
            Ok(())
        }
    }
    fn edge(&mut self, from: Bb, to: Bb) -> R<String> {
        unsafe {
            let mut s = String::new();
            let mut i = LLVMGetFirstInstruction(to);
            while let Some(p) = i.ok() {
                if LLVMGetInstructionOpcode(p) != 44 {
                    break;
                }
                let k = (0..LLVMCountIncoming(p))
                    .find(|k| LLVMGetIncomingBlock(p, *k) == from)
                    .unwrap();
                let v = LLVMGetIncomingValue(p, k);
                if vk(v) != 14 && vk(v) != 25 {
                    let e = self.val(v)?;
                    let d = self.loc[&p].clone();
                    w!(s, "{d}i={e};")
                }
                i = LLVMGetNextInstruction(p);
            }
            w!(s, "goto b{};", self.blk[&to]);
            Ok(s)
        }
    }
    fn inst(&mut self, i: Val, bb: Bb, o: &mut String) -> R<()> {
        unsafe {
            if kind(ty(i)) == 5 || (0..nops(i)).any(|k| kind(ty(op(i, k))) == 5) {
                bail!("fp128")
            }
            let c = LLVMGetInstructionOpcode(i);
            let t = ty(i);
            let d = self.loc.get(&i).cloned().unwrap_or_default();
            macro_rules! v {
                ($n:expr) => {
                    self.val(op(i, $n))?
                };
            }
            let e = match c {
                43 if kind(ty(op(i, 0))) == HALF => bail!("half comparison"),
                37 | 38 | 33 | 34 | 35 | 36 | 66
                    if kind(t) == HALF || kind(ty(op(i, 0))) == HALF =>
                {
                    bail!("half arithmetic")
                }
                1 => {
                    if nops(i) == 0 {
                        w!(o, "return;")
                    } else {
                        let e = v!(0);
                        w!(o, "return {e};")
                    }
                    return Ok(());
                }
                2 => {
                    if LLVMIsConditional(i) == 0 {
                        let e = self.edge(bb, LLVMGetSuccessor(i, 0))?;
                        w!(o, "{e}")
                    } else {
                        let c = self.val(LLVMGetCondition(i))?;
                        let a = self.edge(bb, LLVMGetSuccessor(i, 0))?;
                        let b = self.edge(bb, LLVMGetSuccessor(i, 1))?;
                        w!(o, "if({c}){{{a}}}else{{{b}}}")
                    }
                    return Ok(());
                }
                3 => {
                    let x = op(i, 0);
                    let wd = width(ty(x));
                    let e = self.val(x)?;
                    if wd > 64 {
                        for k in 1..LLVMGetNumSuccessors(i) {
                            let cv = self.val(LLVMGetSwitchCaseValue(i, k))?;
                            let g = self.edge(bb, LLVMGetSuccessor(i, k))?;
                            w!(o, "if(w_eq({e},{cv})){{{g}}}")
                        }
                        let g = self.edge(bb, LLVMGetSuccessor(i, 0))?;
                        w!(o, "{g}");
                        return Ok(());
                    }
                    w!(o, "switch({e}){{");
                    for k in 1..LLVMGetNumSuccessors(i) {
                        let cv = LLVMConstIntGetZExtValue(LLVMGetSwitchCaseValue(i, k));
                        let g = self.edge(bb, LLVMGetSuccessor(i, k))?;
                        w!(o, "case {cv}{}:{g}", if wd > 32 { "ull" } else { "u" })
                    }
                    let g = self.edge(bb, LLVMGetSuccessor(i, 0))?;
                    w!(o, "default:{g}}}");
                    return Ok(());
                }
                7 => {
                    w!(o, "__builtin_unreachable();");
                    return Ok(());
                }
                66 => {
                    let e = v!(0);
                    if kind(t) == FLOAT {
                        format!("f32_bits(bits_f32({e})^0x80000000u)")
                    } else {
                        format!("f64_bits(bits_f64({e})^0x8000000000000000ull)")
                    }
                }
                8..=25 => {
                    let (a, b) = (v!(0), v!(1));
                    if kind(t) == INT && width(t) > 64 && c == 21 {
                        format!("w_lshr({a},{b})")
                    } else if kind(t) != INT {
                        self.fbin(c, t, &a, &b)?
                    } else {
                        self.binop(c, t, &a, &b)?
                    }
                }
                26 => format!("(P)k{}", self.slot[&i]),
                27 | 28 => {
                    let (p, at) = if c == 27 {
                        (v!(0), t)
                    } else {
                        (v!(1), ty(op(i, 0)))
                    };
                    let al = LLVMGetAlignment(i);
                    let vol = LLVMGetVolatile(i) != 0;
                    let ord = LLVMGetOrdering(i);
                    if ord != 0 {
                        let u = match kind(at) {
                            INT if matches!(width(at), 8 | 16 | 32) => format!("u{}", width(at)),
                            PTR => "u32".into(),
                            _ => bail!("atomic access of {}", showty(at)),
                        };
                        if c == 27 {
                            w!(
                                o,
                                "{d}=({})__atomic_load_n((volatile {u}*)({p}),{});",
                                self.cty(at)?,
                                Self::ord(i, ord)?
                            )
                        } else {
                            let e = v!(0);
                            w!(
                                o,
                                "__atomic_store_n((volatile {u}*)({p}),({u}){e},{});",
                                Self::ord(i, ord)?
                            )
                        }
                    } else if c == 27 {
                        self.load(at, &d, &p, al, vol, o)?
                    } else {
                        let e = v!(0);
                        self.store(at, &e, &p, al, vol, o)?
                    }
                    return Ok(());
                }
                29 => self.gep(i)?,
                30 => {
                    let e = v!(0);
                    let (f, w) = (width(ty(op(i, 0))), width(t));
                    if w > 64 {
                        format!("w_mask({e},{w})")
                    } else if f > 64 {
                        ucast(&format!("w_lo({e})"), w)
                    } else {
                        ucast(&e, w)
                    }
                }
                31 => {
                    let e = v!(0);
                    let (f, w) = (width(ty(op(i, 0))), width(t));
                    if w > 64 {
                        if f > 64 { e } else { format!("w_mk(0,{e})") }
                    } else {
                        format!("(u{}){e}", cont(w))
                    }
                }
                32 => {
                    let e = v!(0);
                    let (f, w) = (width(ty(op(i, 0))), width(t));
                    if w > 64 {
                        if f > 64 {
                            format!("w_mask(w_sx({e},{f}),{w})")
                        } else {
                            format!("w_mask(w_sx(w_mk(0,(u64)(s64){}),64),{w})", sx(&e, f))
                        }
                    } else {
                        ucast(&format!("(s{}){}", awidth(w), sx(&e, f)), w)
                    }
                }
                33 | 34 => {
                    let e = v!(0);
                    let w = width(t);
                    if w > 64 {
                        bail!("float to i{w}")
                    }
                    ucast(&format!("({}64){e}", if c == 33 { "u" } else { "s" }), w)
                }
                35 | 36 => {
                    let e = v!(0);
                    let w = width(ty(op(i, 0)));
                    if w > 64 {
                        let f = self.cty(t)?;
                        if w > 128 {
                            bail!("i{w} to float")
                        }
                        if c == 35 {
                            format!("w_to_{f}({e})")
                        } else {
                            format!(
                                "((s32)w_sx({e},{w}).w[7]<0?-w_to_{f}(w_neg(w_sx({e},{w}))):w_to_{f}({e}))"
                            )
                        }
                    } else if c == 35 {
                        format!("({}){e}", self.cty(t)?)
                    } else {
                        format!("({}){}", self.cty(t)?, sx(&e, w))
                    }
                }
                37 | 38 => {
                    let e = v!(0);
                    format!("({}){e}", self.cty(t)?)
                }
                39 | 69 => {
                    let e = v!(0);
                    let w = width(t);
                    if w > 64 {
                        bail!("ptrtoint i{w}")
                    }
                    ucast(&format!("(u32)({e})"), w)
                }
                40 => {
                    let e = v!(0);
                    if width(ty(op(i, 0))) > 64 {
                        bail!("inttoptr")
                    }
                    format!("(P)(u32)({e})")
                }
                41 => {
                    let e = v!(0);
                    match (kind(ty(op(i, 0))), kind(t)) {
                        (a, b) if a == b => e,
                        (INT, HALF) | (HALF, INT) => e,
                        (INT, FLOAT) => format!("f32_bits({e})"),
                        (FLOAT, INT) => format!("bits_f32({e})"),
                        (INT, DOUBLE) => format!("f64_bits({e})"),
                        (DOUBLE, INT) => format!("bits_f64({e})"),
                        _ => bail!("bitcast"),
                    }
                }
                42 => {
                    let (a, b) = (v!(0), v!(1));
                    self.icmp(LLVMGetICmpPredicate(i), ty(op(i, 0)), &a, &b)
                }
                43 => {
                    let (a, b) = (v!(0), v!(1));
                    let un = format!("__builtin_isunordered({a},{b})");
                    match LLVMGetFCmpPredicate(i) {
                        0 => "0".into(),
                        1 => format!("{a}=={b}"),
                        2 => format!("{a}>{b}"),
                        3 => format!("{a}>={b}"),
                        4 => format!("{a}<{b}"),
                        5 => format!("{a}<={b}"),
                        6 => format!("!{un}&&{a}!={b}"),
                        7 => format!("!{un}"),
                        8 => un,
                        9 => format!("{un}||{a}=={b}"),
                        10 => format!("!({a}<={b})"),
                        11 => format!("!({a}<{b})"),
                        12 => format!("!({a}>={b})"),
                        13 => format!("!({a}>{b})"),
                        14 => format!("{a}!={b}"),
                        _ => "1".into(),
                    }
                }
                44 => format!("{d}i"),
                45 => return self.call(i, &d, o),
                46 => {
                    if kind(ty(op(i, 0))) != INT {
                        bail!("vector select")
                    }
                    let (c, a, b) = (v!(0), v!(1), v!(2));
                    format!("{c}?{a}:{b}")
                }
                49 => {
                    let p = v!(0);
                    let ct = self.cty(t)?;
                    format!("__builtin_va_arg(*(__builtin_va_list*)({p}),{ct})")
                }
                53 => {
                    let mut e = v!(0);
                    for k in 0..LLVMGetNumIndices(i) {
                        w!(e, ".f{}", *LLVMGetIndices(i).add(k as usize))
                    }
                    e
                }
                54 => {
                    let (a, b) = (v!(0), v!(1));
                    let mut f = String::new();
                    for k in 0..LLVMGetNumIndices(i) {
                        w!(f, ".f{}", *LLVMGetIndices(i).add(k as usize))
                    }
                    if !matches!(vk(op(i, 0)), 14 | 25) {
                        w!(o, "{d}={a};")
                    }
                    w!(o, "{d}{f}={b};");
                    return Ok(());
                }
                55 => {
                    let or = LLVMGetOrdering(i);
                    if LLVMIsAtomicSingleThread(i) != 0 {
                        w!(o, "__atomic_signal_fence({});", Self::ord(i, or)?)
                    } else {
                        w!(o, "__atomic_thread_fence({});", Self::ord(i, or)?)
                    }
                    return Ok(());
                }
                56 => {
                    let (p, a, b) = (v!(0), v!(1), v!(2));
                    let at = ty(op(i, 1));
                    let u = match kind(at) {
                        INT if matches!(width(at), 8 | 16 | 32) => format!("u{}", width(at)),
                        PTR => "u32".into(),
                        _ => bail!("cmpxchg of {}", showty(at)),
                    };
                    w!(
                        o,
                        "{{{u} e=({u}){a};{d}.f1=__atomic_compare_exchange_n((volatile {u}*)({p}),&e,({u}){b},0,{},{});{d}.f0=({})e;}}",
                        Self::ord(i, LLVMGetCmpXchgSuccessOrdering(i))?,
                        Self::ord(i, LLVMGetCmpXchgFailureOrdering(i))?,
                        self.cty(at)?
                    );
                    return Ok(());
                }
                57 => {
                    let (p, a) = (v!(0), v!(1));
                    let at = ty(op(i, 1));
                    let u = match kind(at) {
                        INT if matches!(width(at), 8 | 16 | 32) => format!("u{}", width(at)),
                        PTR => "u32".into(),
                        _ => bail!("atomicrmw of {}", showty(at)),
                    };
                    let or = Self::ord(i, LLVMGetOrdering(i))?;
                    let ct = self.cty(at)?;
                    let k = LLVMGetAtomicRMWBinOp(i);
                    match k {
                        0 => w!(
                            o,
                            "{d}=({ct})__atomic_exchange_n((volatile {u}*)({p}),({u}){a},{or});"
                        ),
                        1..=6 => w!(
                            o,
                            "{d}=({ct})__atomic_fetch_{}((volatile {u}*)({p}),({u}){a},{or});",
                            ["", "add", "sub", "and", "nand", "or", "xor"][k as usize]
                        ),
                        7..=10 => {
                            let c = self.cmpx([38, 40, 34, 36][k as usize - 7], "e", &a, width(at));
                            w!(
                                o,
                                "{{{u} e=__atomic_load_n((volatile {u}*)({p}),0);while(!__atomic_compare_exchange_n((volatile {u}*)({p}),&e,({c})?e:{a},0,{or},0));{d}=e;}}"
                            )
                        }
                        _ => bail!("atomicrmw operation {k}"),
                    }
                    return Ok(());
                }
                68 => {
                    let x = op(i, 0);
                    self.val(x)?
                }
                _ => bail!("instruction {}", show(i)),
            };
            w!(o, "{d}={e};");
            Ok(())
        }
    }
    fn fbin(&mut self, c: u32, t: Ty, a: &str, b: &str) -> R<String> {
        let s = if kind(t) == FLOAT { "f" } else { "" };
        if kind(t) == HALF {
            bail!("half arithmetic")
        }
        Ok(match c {
            9 => format!("{a}+{b}"),
            11 => format!("{a}-{b}"),
            13 => format!("{a}*{b}"),
            16 => format!("{a}/{b}"),
            19 => format!("{a}/{b}"),
            21 => format!("__builtin_fmod{s}({a},{b})"),
            _ => bail!("float op {c} {}", showty(t)),
        })
    }
    fn ord(i: Val, o: u32) -> R<&'static str> {
        Ok(match o {
            1 | 2 => "__ATOMIC_RELAXED",
            4 => "__ATOMIC_ACQUIRE",
            5 => "__ATOMIC_RELEASE",
            6 => "__ATOMIC_ACQ_REL",
            7 => "__ATOMIC_SEQ_CST",
            _ => bail!("ordering {o} in {}", show(i)),
        })
    }
    fn sig(&mut self, f: Val, named: bool) -> R<String> {
        let ft = unsafe { LLVMGlobalGetValueType(f) };
        let (mut r, mut ps) = self.proto(ft, Some(f), None)?;
        let id = self.ids[&f];
        if unsafe { LLVMIsDeclaration(f) } != 0 {
            if let Some(a) = has(f, 1, "sret") {
                let n = unsafe { LLVMABISizeOfType(self.td, LLVMGetTypeAttributeValue(a)) };
                r = self.blob(n);
                ps.remove(0);
                if ps.is_empty() {
                    ps.push("void".into())
                }
            }
        }
        if named {
            for (i, p) in ps.iter_mut().enumerate() {
                if p != "..." && p != "void" {
                    w!(p, " p{i}")
                }
            }
        }
        Ok(format!("{r} f{id}({})", ps.join(", ")))
    }
    /// Stack slots: allocas whose lifetimes (llvm.lifetime markers) never overlap share one.
    fn slots(&mut self, bbs: &[Bb]) -> R<Vec<(u64, u32)>> {
        unsafe {
            self.slot.clear();
            let mut al: Vec<(Val, u64, u32)> = vec![];
            let mut idx = HashMap::new();
            let mut ev: Vec<Vec<(bool, usize)>> = vec![];
            let mut marked = HashSet::new();
            for (n, &b) in bbs.iter().enumerate() {
                let mut e = vec![];
                let mut i = LLVMGetFirstInstruction(b);
                while let Some(x) = i.ok() {
                    match LLVMGetInstructionOpcode(x) {
                        26 => {
                            if n != 0 || vk(op(x, 0)) != 18 {
                                bail!("dynamic alloca")
                            }
                            idx.insert(x, al.len());
                            al.push((
                                x,
                                LLVMABISizeOfType(self.td, LLVMGetAllocatedType(x))
                                    * LLVMConstIntGetZExtValue(op(x, 0)),
                                LLVMGetAlignment(x),
                            ))
                        }
                        45 if vk(LLVMGetCalledValue(x)) == 5 => {
                            let f = name(LLVMGetCalledValue(x));
                            let s = f.starts_with("llvm.lifetime.start");
                            if s || f.starts_with("llvm.lifetime.end") {
                                if let Some(k) = idx.get(&op(x, LLVMGetNumArgOperands(x) - 1)) {
                                    e.push((s, *k));
                                    if s {
                                        marked.insert(*k);
                                    }
                                }
                            }
                        }
                        _ => {}
                    }
                    i = LLVMGetNextInstruction(x)
                }
                ev.push(e)
            }
            let mut live: Vec<HashSet<usize>> = vec![HashSet::new(); bbs.len()];
            let mut work: Vec<usize> = (0..bbs.len()).collect();
            unsafe extern "C" {
                fn LLVMGetBasicBlockTerminator(b: Bb) -> Val;
            }
            let step = |s: &mut HashSet<usize>, e: &[(bool, usize)]| {
                for (st, k) in e {
                    if *st {
                        s.insert(*k);
                    } else {
                        s.remove(k);
                    }
                }
            };
            while let Some(n) = work.pop() {
                let mut s = live[n].clone();
                step(&mut s, &ev[n]);
                let t = LLVMGetBasicBlockTerminator(bbs[n]);
                for k in 0..LLVMGetNumSuccessors(t) {
                    let m = self.blk[&LLVMGetSuccessor(t, k)];
                    let old = live[m].len();
                    live[m].extend(&s);
                    if live[m].len() != old {
                        work.push(m)
                    }
                }
            }
            let mut clash: HashSet<(usize, usize)> = HashSet::new();
            for n in 0..bbs.len() {
                let mut s = live[n].clone();
                for a in &s {
                    for b in &s {
                        clash.insert((*a, *b));
                    }
                }
                for (st, k) in &ev[n] {
                    if *st {
                        for a in &s {
                            clash.insert((*a, *k));
                            clash.insert((*k, *a));
                        }
                        s.insert(*k);
                    } else {
                        s.remove(k);
                    }
                }
            }
            let mut ord: Vec<usize> = (0..al.len()).collect();
            ord.sort_by_key(|k| (std::cmp::Reverse(al[*k].1), *k));
            let mut slots: Vec<(u64, u32, Vec<usize>)> = vec![];
            for k in ord {
                let (v, size, a) = al[k];
                let hit = if marked.contains(&k) {
                    slots.iter().position(|s| {
                        s.2.iter()
                            .all(|o| marked.contains(o) && !clash.contains(&(k, *o)))
                    })
                } else {
                    None
                };
                let n = hit.unwrap_or_else(|| {
                    slots.push((size, a, vec![]));
                    slots.len() - 1
                });
                slots[n].2.push(k);
                slots[n].1 = slots[n].1.max(a);
                self.slot.insert(v, n);
            }
            Ok(slots.into_iter().map(|s| (s.0, s.1)).collect())
        }
    }
    fn func(&mut self, f: Val, out: &mut String) -> R<()> {
        unsafe {
            let fname = name(f);
            self.loc.clear();
            self.blk.clear();
            if has(f, 1, "sret").is_some() && LLVMGetLinkage(f) == 0 && !fname.starts_with("_R") {
                bail!("{fname}: exported function returning a struct by value")
            }
            let ft = LLVMGlobalGetValueType(f);
            let mut head = String::new();
            let mut body = String::new();
            for (i, t) in params(ft).into_iter().enumerate() {
                let a = LLVMGetParam(f, i as u32);
                let n = format!("v{i}a");
                let c = self.cty(t)?;
                if has(f, i as u32 + 1, "byval").is_some() {
                    w!(head, " P {n}=(P)&p{i};")
                } else if kind(t) == INT && width(t) < 32 {
                    w!(head, " {c} {n}={};", ucast(&format!("p{i}"), width(t)))
                } else {
                    w!(head, " {c} {n}=p{i};")
                }
                self.loc.insert(a, n);
            }
            let mut bbs = vec![];
            let mut b = LLVMGetFirstBasicBlock(f);
            while let Some(x) = b.ok() {
                self.blk.insert(x, bbs.len());
                bbs.push(x);
                b = LLVMGetNextBasicBlock(x)
            }
            for (k, (size, al)) in self.slots(&bbs)?.into_iter().enumerate() {
                w!(
                    head,
                    " u8 k{k}[{}] __attribute__((aligned({al})));",
                    size.max(1)
                )
            }
            let mut n = 0;
            for &b in &bbs {
                let mut i = LLVMGetFirstInstruction(b);
                while let Some(x) = i.ok() {
                    if kind(ty(x)) != VOID && kind(ty(x)) != 16 {
                        let d = format!("v{n}");
                        n += 1;
                        let c = self
                            .cty(ty(x))
                            .map_err(|e| format!("{fname}: {e} in {}", show(x)))?;
                        match LLVMGetInstructionOpcode(x) {
                            44 => w!(head, " {c} {d},{d}i;"),
                            _ => w!(head, " {c} {d};"),
                        }
                        self.loc.insert(x, d);
                    }
                    i = LLVMGetNextInstruction(x)
                }
            }
            let mut last = (0, String::new());
            for &b in &bbs {
                w!(body, "b{}:;\n", self.blk[&b]);
                let mut i = LLVMGetFirstInstruction(b);
                while let Some(x) = i.ok() {
                    if self.lines {
                        let l = LLVMGetDebugLocLine(x);
                        if l != 0 {
                            let mut n = 0;
                            let p = LLVMGetDebugLocFilename(x, &mut n);
                            let fl = text(p, n as usize);
                            if (l, &fl) != (last.0, &last.1) {
                                w!(body, "#line {l} {}\n", cstr(&fl));
                                last = (l, fl)
                            }
                        }
                    }
                    self.inst(x, b, &mut body)
                        .map_err(|e| format!("{fname}: {e}"))?;
                    body.push('\n');
                    i = LLVMGetNextInstruction(x)
                }
            }
            w!(out, "{} {{\n{head}\n{body}}}\n", self.sig(f, true)?);
            Ok(())
        }
    }
}
unsafe fn LLVMGetInstructionParentFn(i: Val) -> Val {
    unsafe extern "C" {
        fn LLVMGetInstructionParent(v: Val) -> Bb;
        fn LLVMGetBasicBlockParent(b: Bb) -> Val;
    }
    unsafe { LLVMGetBasicBlockParent(LLVMGetInstructionParent(i)) }
}

pub fn run(bytes: &[u8], lines: bool) -> Result<String, Vec<String>> {
    unsafe {
        let cx = LLVMContextCreate();
        let mut buf = Buf(std::ptr::null_mut());
        let mut msg = std::ptr::null_mut();
        let path = "x";
        {
            unsafe extern "C" {
                fn LLVMCreateMemoryBufferWithMemoryRangeCopy(
                    p: *const u8,
                    n: usize,
                    s: *const std::ffi::c_char,
                ) -> Buf;
            }
            buf = LLVMCreateMemoryBufferWithMemoryRangeCopy(
                bytes.as_ptr(),
                bytes.len(),
                c"x".as_ptr(),
            );
        }
        let mut m = Mod(std::ptr::null_mut());
        if LLVMParseIRInContext(cx, buf, &mut m, &mut msg) != 0 {
            return Err(vec![format!(
                "cannot parse {path}: {}",
                std::ffi::CStr::from_ptr(msg).to_string_lossy()
            )]);
        }
        {
            unsafe extern "C" {
                fn LLVMRunPasses(
                    m: Mod,
                    p: *const std::ffi::c_char,
                    tm: *mut std::ffi::c_void,
                    o: *mut std::ffi::c_void,
                ) -> *mut std::ffi::c_void;
                fn LLVMCreatePassBuilderOptions() -> *mut std::ffi::c_void;
            }
            let p =
                CString::new(std::env::var("IR2C_PASSES").unwrap_or("globaldce".into())).unwrap();
            if !LLVMRunPasses(
                m,
                p.as_ptr(),
                std::ptr::null_mut(),
                LLVMCreatePassBuilderOptions(),
            )
            .is_null()
            {
                return Err(vec!["passes failed".into()]);
            }
        }
        let mut c = Cx {
            td: LLVMGetModuleDataLayout(m),
            aggs: HashMap::new(),
            aggdefs: String::new(),
            ids: HashMap::new(),
            loc: HashMap::new(),
            blk: HashMap::new(),
            slot: HashMap::new(),
            lines,
            used: HashSet::new(),
            rwsec: HashSet::new(),
        };
        let mut errs = vec![];
        let iter = |f: Val, n: unsafe extern "C" fn(Val) -> Val| {
            let mut v = vec![];
            let mut x = f;
            while let Some(y) = x.ok() {
                v.push(y);
                x = n(y)
            }
            v
        };
        let funcs: Vec<Val> = iter(LLVMGetFirstFunction(m), LLVMGetNextFunction)
            .into_iter()
            .filter(|f| !name(*f).starts_with("llvm."))
            .collect();
        let mut globs = iter(LLVMGetFirstGlobal(m), LLVMGetNextGlobal);
        let aliases = iter(LLVMGetFirstGlobalAlias(m), LLVMGetNextGlobalAlias);
        if LLVMGetFirstGlobalIFunc(m).ok().is_some() {
            errs.push("ifunc".into())
        }
        for (i, v) in funcs.iter().chain(&globs).chain(&aliases).enumerate() {
            c.ids.insert(*v, i);
        }
        globs.retain(|g| {
            let n = name(*g);
            if n == "llvm.used" || n == "llvm.compiler.used" {
                let t = LLVMGlobalGetValueType(*g);
                let i = LLVMGetInitializer(*g);
                for k in 0..LLVMGetArrayLength2(t) {
                    if let Ok((s, _)) = c.addr(LLVMGetAggregateElement(i, k as u32)) {
                        c.used.insert(s);
                    }
                }
                false
            } else {
                if n.starts_with("llvm.") {
                    errs.push(format!("special global {n}"))
                }
                true
            }
        });
        let sec = |v: Val| {
            let p = LLVMGetSection(v);
            if p.is_null() {
                String::new()
            } else {
                std::ffi::CStr::from_ptr(p).to_string_lossy().into_owned()
            }
        };
        for g in &globs {
            if !sec(*g).is_empty() && LLVMIsGlobalConstant(*g) == 0 {
                c.rwsec.insert(sec(*g));
            }
        }
        let attrs = |c: &Cx, v: Val, errs: &mut Vec<String>| {
            // (storage, asm label, attributes)
            let l = LLVMGetLinkage(v);
            let n = name(v);
            let mut at = String::new();
            let decl = LLVMIsDeclaration(v) != 0;
            match l {
                0 | 8 | 9 => {}
                12 | 2..=6 => at += ",weak",
                1 => errs.push(format!("{n}: available_externally")),
                14 => at += ",common",
                _ => errs.push(format!("{n}: linkage {l}")),
            }
            match LLVMGetVisibility(v) {
                1 => at += ",visibility(\"hidden\")",
                2 => at += ",visibility(\"protected\")",
                _ => {}
            }
            if !sec(v).is_empty() {
                w!(at, ",section({})", cstr(&sec(v)))
            }
            if c.used.contains(&v) {
                at += ",used"
            }
            let local = l == 8 || l == 9;
            let label = if l == 9 { format!(".L{n}") } else { n };
            (
                if local {
                    "static "
                } else if decl {
                    "extern "
                } else {
                    ""
                },
                format!("__asm__({})", cstr(&label)),
                at,
            )
        };
        let mut decl = String::new();
        let mut data = String::new();
        let mut code = String::new();
        for f in &funcs {
            let (st, lab, mut at) = attrs(&c, *f, &mut errs);
            for (n, g) in [
                ("noinline", "noinline"),
                ("noreturn", "noreturn"),
                ("cold", "cold"),
            ] {
                if has(*f, !0, n).is_some() {
                    w!(at, ",{g}")
                }
            }
            if has(*f, !0, "naked").is_some() {
                errs.push(format!("{}: naked function", name(*f)))
            }
            if LLVMGetAlignment(*f) > 2 {
                w!(at, ",aligned({})", LLVMGetAlignment(*f))
            }
            match c.sig(*f, false) {
                Ok(s) => w!(decl, "{st}{s} {lab} __attribute__((unused{at}));\n"),
                Err(e) => errs.push(format!("{}: {e}", name(*f))),
            }
        }
        for g in &globs {
            let (st, lab, at) = attrs(&c, *g, &mut errs);
            let id = c.ids[g];
            if LLVMIsThreadLocal(*g) != 0 {
                errs.push(format!("{}: thread-local", name(*g)));
                continue;
            }
            if LLVMIsDeclaration(*g) != 0 {
                w!(
                    decl,
                    "extern u8 g{id}[] {lab} __attribute__((unused{at}));\n"
                );
                continue;
            }
            let t = LLVMGlobalGetValueType(*g);
            let size = LLVMABISizeOfType(c.td, t) as usize;
            let al = match LLVMGetAlignment(*g) {
                0 => LLVMABIAlignmentOfType(c.td, t),
                a => a,
            };
            let k = if LLVMIsGlobalConstant(*g) != 0 && !c.rwsec.contains(&sec(*g)) {
                "const "
            } else {
                ""
            };
            let mut b = vec![0u8; size];
            let mut rel = BTreeMap::new();
            if let Err(e) = c.flat(LLVMGetInitializer(*g), 0, &mut b, &mut rel) {
                errs.push(format!("{}: {e}", name(*g)));
                continue;
            }
            let (mut fields, mut init, mut at0, mut nz) = (String::new(), String::new(), 0, false);
            for (n, (o, r)) in rel
                .iter()
                .map(|(o, r)| (*o, Some(*r)))
                .chain([(size, None)])
                .enumerate()
            {
                if o > at0 || size == 0 {
                    w!(fields, "u8 b{n}[{}];", o - at0);
                    let run = &b[at0..o];
                    let z = run.iter().rposition(|x| *x != 0).map_or(0, |i| i + 1);
                    if z == 0 {
                        init += "{0},"
                    } else {
                        nz = true;
                        init.push('"');
                        for x in &run[..z] {
                            match x {
                                b'"' | b'\\' | b'?' => w!(init, "\\{:03o}", x),
                                32..=126 => init.push(*x as char),
                                _ => w!(init, "\\{:03o}", x),
                            }
                        }
                        init += "\","
                    }
                }
                if let Some((s, a)) = r {
                    let e = c.val(s).unwrap_or_default();
                    w!(fields, "P r{n};");
                    w!(init, "{e}+({a}),");
                    nz = true;
                    at0 = o + 4
                }
            }
            w!(
                decl,
                "struct G{id} {{{fields}}} __attribute__((packed)); {}{k}struct G{id} g{id} {lab} __attribute__((unused,aligned({al}){at}));\n",
                if st.is_empty() { "extern " } else { st }
            );
            w!(
                data,
                "{}{k}struct G{id} g{id}{};\n",
                st,
                if nz {
                    format!("={{{init}}}")
                } else if size == 0 {
                    String::new()
                } else {
                    "={0}".into()
                }
            );
        }
        for l in &aliases {
            let (_, lab, at) = attrs(&c, *l, &mut errs);
            let id = c.ids[l];
            match c.addr(LLVMAliasGetAliasee(*l)) {
                Ok((s, 0)) => {
                    let tn = if LLVMGetLinkage(s) == 9 {
                        format!(".L{}", name(s))
                    } else {
                        name(s)
                    };
                    if vk(s) == 5 {
                        w!(
                            decl,
                            "extern void l{id}(void) {lab} __attribute__((alias({}){at}));\n",
                            cstr(&tn)
                        )
                    } else {
                        w!(
                            decl,
                            "extern u8 l{id}[] {lab} __attribute__((alias({}){at}));\n",
                            cstr(&tn)
                        )
                    }
                }
                _ => errs.push(format!("{}: alias with offset", name(*l))),
            }
        }
        for f in &funcs {
            if LLVMIsDeclaration(*f) == 0 {
                if LLVMGetLinkage(*f) == 8 || LLVMGetLinkage(*f) == 9 {
                    code += "static "
                }
                if let Err(e) = c.func(*f, &mut code) {
                    if std::env::var("IR2C_TRAP").is_ok() {
                        eprintln!("ir2c: trap: {e}");
                        let sg = c.sig(*f, true).unwrap();
                        w!(
                            code,
                            "{sg} {{ extern void ir2c_unsupported(const char *); ir2c_unsupported({}); __builtin_trap(); }}\n",
                            cstr(&e)
                        )
                    } else {
                        errs.push(e)
                    }
                }
            }
        }
        let mut n = 0;
        let ma = LLVMGetModuleInlineAsm(m, &mut n);
        let ma = text(ma, n);
        if !errs.is_empty() {
            return Err(errs);
        }
        let mut out = String::from(include_str!("prelude.h"));
        if !ma.is_empty() {
            w!(
                out,
                "__asm__({});\n",
                cstr(&format!(".text\n{ma}\n\t.text\n"))
            )
        }
        Ok(out + &c.aggdefs + &decl + &data + &code)
    }
}
