//! What taints a module and the kernel.

use modlink::platform::Level;
use modlink::{LoadError, Taints};
use modlink_host::{HostKernel, ModuleFile, on_every_architecture};

/// Those of a module under a licence compatible with the GPL.
const NONE: Taints = Taints::empty();

on_every_architecture! {
    fn what_a_module_says_of_itself_taints_it_and_the_kernel<A>() {
        let module = ModuleFile::<A>::new;
        let loader = HostKernel::<A>::new().boot();
        let mut all = NONE;
        for (name, file, taints, letters) in [
            ("clean", module("clean"), NONE, ""),
            ("own", module("own").out_of_tree(), Taints::OOT_MODULE, "O"),
            ("sold", module("sold").says("license", "Proprietary"), Taints::PROPRIETARY_MODULE, "P"),
            // A key with nothing behind it counts, as Linux asks whether it is there.
            ("raw", module("raw").says("staging", ""), Taints::CRAP, "C"),
            ("patch", module("patch").says("livepatch", "Y"), Taints::LIVEPATCH, "K"),
            ("kunit", module("kunit").says("test", "Y"), Taints::TEST, "N"),
            (
                "both",
                module("both").says("license", "MIT").says("staging", "Y").out_of_tree(),
                Taints::PROPRIETARY_MODULE | Taints::CRAP | Taints::OOT_MODULE,
                "PCO",
            ),
        ] {
            loader.load(&file.build()).unwrap();
            let found = loader.find(name.as_bytes()).unwrap().taints();
            assert_eq!((found, &found.to_string()[..]), (taints, letters), "{name}");
            all |= taints;
            assert_eq!(loader.taints(), all, "{name}");
        }
        // What has tainted it is gone; it stays so.
        for name in ["own", "sold", "raw", "patch", "kunit", "both"] {
            loader.unload(name.as_bytes(), false).unwrap();
        }
        assert_eq!(loader.taints().bits(), 1 + 1024 + 4096 + 32768 + 262_144);
    }

    fn keys_that_only_begin_so_do_not_taint<A>() {
        let loader = HostKernel::<A>::new().boot();
        let file = ModuleFile::<A>::new("m").says("testing", "Y").says("stagin", "Y").says("x", "test=Y");
        loader.load(&file.build()).unwrap();
        assert_eq!(loader.taints(), NONE);
        let file = ModuleFile::<A>::new("n").out_of_tree().says("intre", "Y").says("parmtype", "intree=Y");
        loader.load(&file.build()).unwrap();
        assert_eq!(loader.taints(), Taints::OOT_MODULE);
    }

    fn who_uses_a_proprietary_module_is_tainted_like_it<A>() {
        let loader = HostKernel::<A>::new().boot();
        let owner = ModuleFile::<A>::new("owner").says("license", "Proprietary").exports("symbol");
        loader.load(&owner.versioned().build()).unwrap();
        let user = ModuleFile::<A>::new("user").imports("symbol").exports("next");
        let last = ModuleFile::<A>::new("last").imports("next");
        for (name, file) in [("user", user), ("last", last)] {
            let module = loader.load(&file.versioned().build()).unwrap();
            assert_eq!(module.taints(), Taints::PROPRIETARY_MODULE, "{name}");
            assert!(!module.is_gpl_compatible());
        }
    }

    fn what_is_not_signed_taints_only_a_kernel_that_verifies<A>() {
        let file = ModuleFile::<A>::new("m").build();
        let mut signed = ModuleFile::<A>::new("s").build();
        signed.extend_from_slice(b"~Module signature appended~\n");
        for (kernel, taints) in [
            (HostKernel::<A>::new(), NONE),
            (HostKernel::<A>::new().verify_signatures(), Taints::UNSIGNED_MODULE),
        ] {
            let loader = kernel.boot();
            assert_eq!(loader.load(&signed).unwrap().taints(), NONE);
            assert_eq!(loader.taints(), NONE);
            assert_eq!(loader.load(&file).unwrap().taints(), taints);
            assert_eq!(loader.taints(), taints);
        }
    }

    fn a_load_that_fails_taints_the_kernel_once_it_has_its_name<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        let own = |name| ModuleFile::<A>::new(name).out_of_tree();
        loader.load(&ModuleFile::<A>::new("m").build()).unwrap();
        // Its name is taken, so nothing of it gets in.
        let error = loader.load(&own("m").build()).unwrap_err();
        assert_eq!(error, LoadError::Exists(b"m"[..].into()));
        assert_eq!((loader.taints(), kernel.take_log()), (NONE, vec![]));
        loader.load(&own("n").imports("nobody_has_it").build()).unwrap_err();
        assert_eq!(loader.taints(), Taints::OOT_MODULE);
    }

    fn each_first_taint_is_said_with_its_reason_and_none_twice<A>() {
        let loader = HostKernel::<A>::new().verify_signatures().boot();
        let kernel = loader.platform();
        let warning = |text: &str| (Level::Warning, text.to_owned());
        loader.load(&ModuleFile::<A>::new("one").out_of_tree().build()).unwrap();
        assert_eq!(
            kernel.take_log(),
            [warning("module one: taints the kernel (OE), out of tree, not signed")]
        );
        let two = ModuleFile::<A>::new("two").out_of_tree();
        let two = two.says("license", "MIT").says("test", "Y").says("staging", "Y");
        loader.load(&two.says("livepatch", "Y").build()).unwrap();
        assert_eq!(
            kernel.take_log(),
            [warning("module two: taints the kernel (PCKN), licence, staging, livepatch, test")]
        );
        loader.unload(b"two", false).unwrap();
        loader.load(&ModuleFile::<A>::new("three").out_of_tree().build()).unwrap();
        assert_eq!(kernel.take_log(), []);
    }

    fn the_kernel_taints_itself_and_is_told_what_is_new<A>() {
        let loader = HostKernel::<A>::new().boot();
        assert_eq!(loader.taint(Taints::WARN | Taints::DIE), Taints::WARN | Taints::DIE);
        assert_eq!(loader.taint(Taints::WARN | Taints::USER), Taints::USER);
        assert_eq!(loader.taints().to_string(), "UDW");
        assert_eq!(loader.platform().take_log(), []);
    }
}

/// A module is forced as soon as the kernel has consented, whatever becomes of the load.
#[cfg(feature = "versions")]
#[test]
fn what_is_let_pass_by_force_taints_the_kernel_though_the_load_fails() {
    use modlink::arch::X86_64;
    let file = ModuleFile::<X86_64>::new;
    for (name, forced) in [
        ("vermagic", file("m").imports("nobodys")),
        ("exports", file("m").says("vermagic", "6.1 SMP ").exports("f").imports("nobodys")),
    ] {
        let loader = HostKernel::<X86_64>::new().with_vermagic("6.1 SMP ").boot();
        loader.load(&forced.build()).unwrap_err();
        assert_eq!(loader.taints().to_string(), "F", "{name}");
    }
}

/// Not before the module has its name, so that who loads it twice is told that.
#[cfg(feature = "versions")]
#[test]
fn exports_without_versions_are_looked_at_once_the_module_has_its_name_and_taints() {
    use modlink::arch::X86_64;
    let loader = HostKernel::<X86_64>::new().never_force().boot();
    let file = ModuleFile::<X86_64>::new;
    loader.load(&file("m").build()).unwrap();
    let error = loader.load(&file("m").exports("f").build()).unwrap_err();
    assert_eq!(error.errno(), modlink::Errno::EEXIST);
    let error = loader.load(&file("n").out_of_tree().exports("f").build()).unwrap_err();
    assert_eq!((error.errno(), &loader.taints().to_string()[..]), (modlink::Errno::ENOEXEC, "O"));
}
