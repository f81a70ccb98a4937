//! Everything that has no translation is rejected, each with its own words and its place, and
//! nothing is written then.

use ir2c::{Construct, Floats, Options, TranslateError, Unsupported, translate};

const HEADER: &str = "\
target datalayout = \"E-m:e-p:32:16:32-i8:8:8-i16:16:16-i32:16:32-n8:16:32-a:0:16-S16\"
target triple = \"m68k\"
";

fn translated(text: &str, options: Options) -> Result<String, Vec<Unsupported>> {
    match translate(format!("{HEADER}{text}").as_bytes(), "test.ll", options) {
        Ok(translation) => Ok(translation.source),
        Err(TranslateError::Unsupported { found, .. }) => Err(found),
        Err(error @ TranslateError::Malformed { .. }) => panic!("{error}\n{text}"),
    }
}

fn rejected(text: &str) -> Vec<Construct> {
    let found = translated(text, Options::default()).expect_err(text);
    found.into_iter().map(|unsupported| unsupported.construct).collect()
}

/// One rejection a module, of the construct that is meant.
macro_rules! rejections {
    ($($name:ident: $pattern:pat => $text:expr;)*) => {$(
        #[test]
        fn $name() {
            let found = rejected($text);
            assert!(matches!(&found[..], [$pattern]), "{found:?}");
        }
    )*};
}

rejections! {
    vectors_are_rejected: Construct::Vector(_) => "
        define void @f(ptr %p) {
          %v = load <4 x i32>, ptr %p
          ret void
        }";
    half_floats_are_rejected: Construct::ExtendedFloat => "
        define void @f(ptr %p) {
          %v = load half, ptr %p
          ret void
        }";
    quad_floats_are_rejected: Construct::ExtendedFloat => "
        define void @f(ptr %p) {
          store fp128 0xL00000000000000000000000000000000, ptr %p
          ret void
        }";
    float_arithmetic_is_rejected: Construct::Float => "
        define void @f(ptr %p, i32 %x) {
          %v = uitofp i32 %x to float
          ret void
        }";
    float_parameters_are_rejected: Construct::Float => "
        define void @f(double %x) {
          ret void
        }";
    integers_of_more_than_256_bits_are_rejected: Construct::IntegerWidth(300) => "
        define void @f(ptr %p) {
          %v = load i300, ptr %p
          ret void
        }";
    indirect_branches_are_rejected: Construct::IndirectBranch => "
        define void @f(ptr %p) {
          indirectbr ptr %p, [label %a, label %b]
        a:
          ret void
        b:
          ret void
        }";
    dynamic_stack_slots_are_rejected: Construct::DynamicAlloca => "
        define void @f(i32 %n) {
          %p = alloca i8, i32 %n
          ret void
        }";
    stack_slots_outside_the_entry_are_rejected: Construct::DynamicAlloca => "
        define void @f() {
          br label %next
        next:
          %p = alloca i8
          ret void
        }";
    musttail_is_rejected: Construct::MustTail => "
        declare void @g()
        define void @f() {
          musttail call void @g()
          ret void
        }";
    operand_bundles_are_rejected: Construct::OperandBundles => "
        declare void @g()
        define void @f() {
          call void @g() [ \"deopt\"(i32 1) ]
          ret void
        }";
    foreign_calling_conventions_of_calls_are_rejected: Construct::CallingConvention(_) => "
        define void @f(ptr %p) {
          call preserve_mostcc void %p()
          ret void
        }";
    interrupt_functions_are_rejected: Construct::CallingConvention(101) => "
        define cc101 void @f() {
          ret void
        }";
    parameters_in_registers_are_rejected: Construct::Parameter(_) => "
        declare void @g(i32 inreg)
        @keep = global ptr @g";
    volatile_memcpy_is_rejected: Construct::VolatileBlock(_) => "
        declare void @llvm.memcpy.p0.p0.i32(ptr, ptr, i32, i1)
        define void @f(ptr %p, ptr %q) {
          call void @llvm.memcpy.p0.p0.i32(ptr %p, ptr %q, i32 8, i1 true)
          ret void
        }";
    volatile_access_to_odd_integers_is_rejected: Construct::VolatileAccess(_) => "
        define void @f(ptr %p) {
          %v = load volatile i24, ptr %p
          ret void
        }";
    unknown_intrinsics_are_rejected: Construct::Intrinsic(_) => "
        declare i32 @llvm.smul.fix.i32(i32, i32, i32)
        define i32 @f(i32 %x) {
          %v = call i32 @llvm.smul.fix.i32(i32 %x, i32 %x, i32 2)
          ret i32 %v
        }";
    stack_saving_is_rejected: Construct::Intrinsic(_) => "
        declare ptr @llvm.stacksave.p0()
        define ptr @f() {
          %v = call ptr @llvm.stacksave.p0()
          ret ptr %v
        }";
    constructors_are_rejected: Construct::Constructors(_) => "
        define void @f() {
          ret void
        }
        @llvm.global_ctors = appending global [1 x { i32, ptr, ptr }]
            [{ i32, ptr, ptr } { i32 1, ptr @f, ptr null }]";
    thread_local_variables_are_rejected: Construct::ThreadLocal => "
        @x = thread_local global i32 1";
    ifuncs_are_rejected: Construct::IndirectFunction => "
        define internal ptr @resolve() {
          ret ptr null
        }
        @f = ifunc void (), ptr @resolve";
    atomic_loads_of_64_bits_are_rejected: Construct::AtomicType(_) => "
        define i64 @f(ptr %p) {
          %v = load atomic i64, ptr %p seq_cst, align 8
          ret i64 %v
        }";
    atomic_stores_of_64_bits_are_rejected: Construct::AtomicType(_) => "
        define void @f(ptr %p, i64 %v) {
          store atomic i64 %v, ptr %p release, align 8
          ret void
        }";
    atomic_updates_of_64_bits_are_rejected: Construct::AtomicType(_) => "
        define void @f(ptr %p) {
          %v = atomicrmw add ptr %p, i64 1 seq_cst
          ret void
        }";
    atomic_exchanges_of_64_bits_are_rejected: Construct::AtomicType(_) => "
        define void @f(ptr %p) {
          %v = cmpxchg ptr %p, i64 1, i64 2 seq_cst seq_cst
          ret void
        }";
    exotic_atomic_operations_are_rejected: Construct::AtomicOperation(_) => "
        define void @f(ptr %p) {
          %v = atomicrmw uinc_wrap ptr %p, i32 5 seq_cst
          ret void
        }";
    indirect_assembly_operands_are_rejected: Construct::AssemblyConstraint(_) => "
        define void @f(ptr %p) {
          call void asm \"clr.l $0\", \"=*m\"(ptr elementtype(i32) %p)
          ret void
        }";
    assembly_operand_modifiers_are_rejected: Construct::AssemblyOperand(_) => "
        define void @f(i32 %x) {
          call void asm \"move.l ${0:w}, %d0\", \"r\"(i32 %x)
          ret void
        }";
    assembly_of_another_dialect_is_rejected: Construct::AssemblyDialect => "
        define void @f() {
          call void asm inteldialect \"nop\", \"\"()
          ret void
        }";
    narrow_variadic_arguments_are_rejected: Construct::NarrowVariadicArgument(8) => "
        declare void @g(i32, ...)
        define void @f(i8 %x) {
          call void (i32, ...) @g(i32 1, i8 %x)
          ret void
        }";
    variadic_functions_without_named_parameters_are_rejected: Construct::UnnamedVariadic => "
        declare void @llvm.va_start.p0(ptr)
        define void @f(...) {
          %list = alloca ptr
          call void @llvm.va_start.p0(ptr %list)
          ret void
        }";
    naked_functions_are_rejected: Construct::Naked => "
        define void @f() naked {
          call void asm sideeffect \"rts\", \"\"()
          unreachable
        }";
    structs_returned_by_exported_functions_are_rejected: Construct::ExportedStructReturn => "
        define void @f(ptr sret([12 x i8]) %result) {
          ret void
        }";
    wide_integers_between_rust_and_c_are_rejected: Construct::ForeignInteger(128) => "
        define void @f(i128 %x) {
          ret void
        }";
    pointers_in_other_address_spaces_are_rejected: Construct::Type(_) => "
        define void @f(ptr %p) {
          %q = load ptr addrspace(1), ptr %p
          ret void
        }";
    available_externally_is_rejected: Construct::Linkage => "
        @x = available_externally global i32 1
        @keep = global ptr @x";
    aliases_to_the_middle_are_rejected: Construct::Alias => "
        @x = global [2 x i32] zeroinitializer
        @y = alias i32, getelementptr (i8, ptr @x, i32 4)";
    names_that_the_assembler_cannot_take_are_rejected: Construct::SymbolName(_) => "
        @\"two words\" = global i32 1";
    sections_of_code_and_data_are_rejected: Construct::MixedSection(_) => "
        @x = global i32 1, section \".both\"
        define void @f() section \".both\" {
          ret void
        }";
    differences_of_addresses_in_initialisers_are_rejected: Construct::Constant(_) => "
        @x = global i32 1
        @y = global i32 sub (i32 ptrtoint (ptr @x to i32), i32 ptrtoint (ptr @y to i32))";
    half_floats_in_initialisers_are_rejected: Construct::Constant(_) => "
        @x = global half 0xH3C00";
    large_aggregates_as_values_are_rejected: Construct::LargeAggregate(65) => "
        define void @f(ptr %p) {
          %v = load [65 x i8], ptr %p
          ret void
        }";
    conversions_of_floats_to_wide_integers_are_rejected_with_floats: Construct::Float => "
        define void @f(ptr %p) {
          %v = load double, ptr %p
          ret void
        }";
    special_variables_are_rejected: Construct::SpecialVariable(_) => "
        @llvm.special = global i32 1";
    labels_in_calls_are_rejected: Construct::Instruction(_) => "
        define void @f() {
          callbr void asm \"\", \"!i\"() to label %a [label %b]
        a:
          ret void
        b:
          ret void
        }";
}

#[test]
fn unwinding_is_rejected_wherever_it_shows() {
    let found = rejected(
        "
        declare void @g()
        declare i32 @personality(...)
        define void @f() personality ptr @personality {
          invoke void @g() to label %normal unwind label %lost
        normal:
          ret void
        lost:
          %pad = landingpad { ptr, i32 } cleanup
          resume { ptr, i32 } %pad
        }",
    );
    assert_eq!(found.len(), 3, "{found:?}");
    let unwinding = |construct: &Construct| matches!(construct, Construct::Unwinding(_));
    assert!(found.iter().all(unwinding), "{found:?}");
}

#[test]
fn another_data_layout_is_rejected() {
    let text = "target datalayout = \"e-p:64:64\"\n@x = global i32 1";
    let error = translate(text.as_bytes(), "test.ll", Options::default()).unwrap_err();
    assert!(error.to_string().contains("data layout \"e-p:64:64\""), "{error}");
}

#[test]
fn malformed_input_is_rejected_with_llvms_words() {
    for input in [&b"BC\xC0\xDE"[..], b"BC\xC0\xDE\x35\x14\0\0garbage!", b"define i32 @f("] {
        let error = translate(input, "broken.bc", Options::default()).unwrap_err();
        assert!(matches!(&error, TranslateError::Malformed { .. }), "{error}");
        assert!(error.to_string().starts_with("broken.bc: "), "{error}");
    }
}

#[test]
fn all_rejections_of_a_module_are_reported_with_function_and_instruction() {
    let found = translated(
        "
        @t = thread_local global i32 1
        define i64 @first(ptr %p) {
          %a = load atomic i64, ptr %p seq_cst, align 8
          %b = load volatile i24, ptr %p
          ret i64 %a
        }
        define void @second(ptr %p, i32 %n) {
          %room = alloca i8, i32 %n
          ret void
        }",
        Options::default(),
    )
    .unwrap_err();
    let places: Vec<_> = found
        .iter()
        .map(|one| (one.symbol.as_deref(), one.instruction.as_deref().map(|text| &text[..2])))
        .collect();
    let expected = [
        (Some("t"), None),
        (Some("first"), Some("%a")),
        (Some("first"), Some("%b")),
        (Some("second"), Some("%r")),
    ];
    assert_eq!(places, expected);
    let message = found[1].to_string();
    assert!(message.starts_with("first: atomic access to i64"), "{message}");
    assert!(message.contains("in: %a = load atomic i64"), "{message}");
}

#[test]
fn what_nothing_needs_is_not_rejected() {
    let source = translated(
        "
        define internal void @unused(ptr %p) {
          %v = load <4 x i32>, ptr %p
          ret void
        }
        define void @used() {
          ret void
        }",
        Options::default(),
    )
    .unwrap();
    assert!(source.contains("__asm__(\"used\")"), "{source}");
    assert!(!source.contains("__asm__(\"unused\")"), "{source}");
}

#[test]
fn floats_are_translated_when_allowed() {
    let options = Options { floats: Floats::Allowed, ..Options::default() };
    let text = "
        define double @f(double %x) {
          %y = fadd double %x, 1.5
          ret double %y
        }";
    assert!(translated(text, options).unwrap().contains("double v"));
    let wide = "
        define void @f(double %x, ptr %p) {
          %y = fptoui double %x to i128
          store i128 %y, ptr %p
          ret void
        }";
    let found = translated(wide, options).unwrap_err();
    assert!(matches!(found[0].construct, Construct::Conversion { .. }), "{found:?}");
}

#[test]
fn unsupported_functions_become_traps_when_asked() {
    let options = Options { unsupported: ir2c::UnsupportedFunctions::Trap, ..Options::default() };
    let text = "
        define void @f(ptr %p) {
          %v = load <4 x i32>, ptr %p
          ret void
        }";
    let text = format!("{HEADER}{text}");
    let translation = translate(text.as_bytes(), "test.ll", options).unwrap();
    assert_eq!(translation.left_out.len(), 1);
    assert!(translation.source.contains("ir2c_unsupported(\"f: vector type"));
}
