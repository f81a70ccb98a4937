//! The host kernel notices what it is there to notice.

use modlink::Platform;
use modlink::arch::X86_64;
use modlink::platform::{
    AllocateError, MemoryRequest, ModuleMemory, ProtectError, ProtectedMemory, Protection, Purpose,
};
use modlink::syscall::{Fault, ModuleFile as _, OpenError, ProcessPlatform};
use modlink_host::{FileKind, HostKernel, HostMemory, NotAllowed, Operation};

const ROOM: std::ops::RangeInclusive<u64> = 0x1000..=0x8fff;

fn kernel() -> HostKernel<X86_64> {
    let kernel = HostKernel::new();
    kernel.set_region(&[ROOM]);
    kernel
}

fn request(size: u64) -> MemoryRequest {
    MemoryRequest { size, align: 0x1000, window: ROOM, purpose: Purpose::Core }
}

fn memory(kernel: &HostKernel<X86_64>) -> HostMemory {
    kernel.allocate(&request(0x3000)).unwrap()
}

#[test]
fn memory_lies_where_there_is_room_and_apart() {
    let kernel = kernel();
    let first = memory(&kernel);
    let second = memory(&kernel);
    assert_eq!((first.address(), second.address()), (0x1000, 0x5000));
    assert_eq!(kernel.allocate(&request(0x3000)).unwrap_err(), AllocateError::Exhausted);

    drop(first);
    let window = 0x2000..=0x8fff;
    let out_of_reach = MemoryRequest { window, ..request(0x3000) };
    assert_eq!(kernel.allocate(&out_of_reach).unwrap_err(), AllocateError::OutOfReach);
    assert_eq!(memory(&kernel).address(), 0x1000);
    assert_eq!(kernel.requests().len(), 5);
}

#[test]
fn memory_is_aligned() {
    let request = MemoryRequest { align: 0x4000, ..request(0x1000) };
    assert_eq!(kernel().allocate(&request).unwrap().address(), 0x4000);
}

#[test]
fn new_memory_is_not_clear() {
    assert!(memory(&kernel()).bytes_mut().iter().all(|byte| *byte != 0));
}

#[test]
fn a_module_is_kept_from_what_is_protected() {
    let kernel = kernel();
    let mut memory = memory(&kernel);
    memory.bytes_mut().fill(1);
    let pages = [(0..0x1000, Protection::Execute), (0x1000..0x2000, Protection::ReadOnly)];
    let memory = memory.protect(&pages).unwrap();

    assert_eq!(kernel.poke(0x1fff, &[2]), Err(NotAllowed));
    assert_eq!(kernel.poke(0x2fff, &[2, 2]), Err(NotAllowed), "it starts in a constant page");
    assert_eq!(kernel.poke(0x3000, &[2]), Ok(()));
    assert_eq!(kernel.peek(0x2fff, 3), Ok(vec![1, 2, 1]));
    assert_eq!(kernel.peek(0x3fff, 2), Err(NotAllowed), "it ends after the memory");
    assert_eq!(kernel.protection(0x1000), Some(Protection::Execute));
    assert_eq!(kernel.protection(0x3000), Some(Protection::ReadWrite));
    assert_eq!(kernel.protection(0x4000), None);
    assert_eq!(memory.read_only(0x1000..0x1002), Some(&[1, 1][..]));
    assert_eq!(memory.read_only(0x2fff..0x3001), None);
}

#[test]
#[should_panic(expected = "a module does not write before it runs")]
fn writing_before_protection_is_noticed() {
    let kernel = kernel();
    let _memory = memory(&kernel);
    let _ = kernel.poke(0x1000, &[1]);
}

#[test]
#[should_panic(expected = "is Protected(Execute) already and becomes ReadOnly")]
fn taking_execution_away_is_noticed() {
    let memory = memory(&kernel()).protect(&[(0..0x1000, Protection::Execute)]).unwrap();
    let _ = memory.make_read_only(0..0x2000);
}

#[test]
#[should_panic(expected = "do not ascend")]
fn protecting_a_page_twice_is_noticed() {
    let pages = [(0..0x2000, Protection::ReadOnly), (0x1000..0x3000, Protection::Execute)];
    let _ = memory(&kernel()).protect(&pages);
}

#[test]
#[should_panic(expected = "are not pages of a block")]
fn protecting_half_a_page_is_noticed() {
    let _ = memory(&kernel()).protect(&[(0..0x800, Protection::Execute)]);
}

#[test]
#[should_panic(expected = "bytes that the module can change")]
fn relying_on_what_a_module_can_change_is_noticed() {
    let memory = memory(&kernel()).protect(&[(0..0x1000, Protection::ReadOnly)]).unwrap();
    memory.read_only(0xfff..0x1001);
}

#[test]
#[should_panic(expected = "is called and cannot run")]
fn calling_what_cannot_run_is_noticed() {
    let kernel = kernel();
    let _memory = memory(&kernel);
    // SAFETY: nothing runs: the host kernel looks first.
    let _ = unsafe { kernel.call_init(0x1000) };
}

#[test]
fn what_is_in_use_shows_until_it_is_freed() {
    let loader = kernel().boot();
    let kernel = loader.platform();
    let before = kernel.snapshot();
    let memory = memory(kernel);
    assert_ne!(kernel.snapshot(), before);
    assert_eq!(kernel.snapshot().bytes(), 0x3000);
    drop(memory);
    assert_eq!(kernel.snapshot(), before);

    let descriptor = kernel.put_file(FileKind::regular(b"x"));
    let file = kernel.open(descriptor).unwrap();
    assert_eq!(kernel.snapshot().open_files, 1);
    drop(file);
    assert_eq!(kernel.snapshot(), before);
}

#[test]
fn the_nth_operation_fails_and_no_other() {
    let kernel = kernel();
    kernel.user_write(0x5000, b"x");
    kernel.fail(Operation::CopyFromUser, 2);
    let results = [(); 3].map(|()| kernel.copy_from_user(0x5000, &mut [0]));
    assert_eq!(results, [Ok(()), Err(Fault), Ok(())]);

    kernel.fail(Operation::Protect, 1);
    let protect = || memory(&kernel).protect(&[(0..0x1000, Protection::Execute)]);
    assert_eq!(protect().unwrap_err(), ProtectError);
    assert!(protect().is_ok());
    assert_eq!(kernel.count(Operation::Protect), 2);

    kernel.fail(Operation::Allocate, 1);
    kernel.fail_nothing();
    assert!(kernel.allocate(&request(0x1000)).is_ok());
}

#[test]
fn user_memory_has_whole_pages_and_holes() {
    let kernel = kernel();
    kernel.user_write(0x5ffe, b"abcd");
    let mut bytes = [0; 4];
    assert_eq!(kernel.copy_from_user(0x5ffe, &mut bytes), Ok(()));
    assert_eq!(&bytes, b"abcd");
    assert_eq!(kernel.copy_from_user(0x6ffc, &mut bytes), Ok(()));
    assert!(!bytes.contains(&0), "strings do not end by chance");
    assert_eq!(kernel.copy_from_user(0x6ffd, &mut bytes), Err(Fault));
    assert_eq!(kernel.copy_from_user(0x4fff, &mut bytes), Err(Fault));
    assert_eq!(kernel.copy_from_user(u64::MAX, &mut bytes), Err(Fault));

    let at = kernel.user_put(b"end");
    assert_eq!(kernel.copy_from_user(at, &mut bytes[..3]), Ok(()));
    assert_eq!(kernel.copy_from_user(at, &mut bytes), Err(Fault), "a hole follows");
}

#[test]
fn a_fickle_process_changes_what_has_been_copied_and_nothing_else() {
    let kernel = kernel();
    let at = kernel.user_put(b"abc");
    let copy = || {
        let mut bytes = [0; 3];
        kernel.copy_from_user(at, &mut bytes[..2]).unwrap();
        kernel.copy_from_user(at + 2, &mut bytes[2..]).unwrap();
        bytes
    };
    kernel.user_becomes_fickle();
    assert_eq!((copy(), copy(), copy()), (*b"abc", b"abc".map(|byte| !byte), *b"abc"));
}

#[test]
fn files_are_rejected_for_what_they_are() {
    let kernel = kernel();
    let open = |kind| kernel.open(kernel.put_file(kind)).map(|file| file.size());
    let regular = || FileKind::regular(b"abc");
    assert_eq!(open(regular()), Ok(3));
    assert_eq!(open(regular().claiming(1 << 40)), Ok(1 << 40));
    assert_eq!(open(FileKind::folder()), Err(OpenError::NotRegular));
    assert_eq!(open(regular().write_only()), Err(OpenError::BadDescriptor));
    assert_eq!(open(regular().being_written()), Err(OpenError::OpenForWriting));
    assert_eq!(kernel.open(-1).unwrap_err(), OpenError::BadDescriptor);

    let file = kernel.open(kernel.put_file(regular())).unwrap();
    let mut bytes = [0; 2];
    assert!(file.read(1, &mut bytes).is_ok());
    assert_eq!(&bytes, b"bc");
    assert!(file.read(2, &mut bytes).is_err());
    assert!(file.read(u64::MAX, &mut bytes).is_err());
}
