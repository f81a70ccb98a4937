//! What modules need on this architecture alone: the routines of libgcc that GCC calls for 64-bit
//! integers and that Linux exports for it.

unsafe extern "C" {
    fn __ashldi3(value: u64, bits: i32) -> u64;
    fn __ashrdi3(value: i64, bits: i32) -> i64;
    fn __lshrdi3(value: u64, bits: i32) -> u64;
    fn __muldi3(left: i64, right: i64) -> i64;
}

modlink::export!(fn __ashldi3(u64, i32) -> u64);
modlink::export!(fn __ashrdi3(i64, i32) -> i64);
modlink::export!(fn __lshrdi3(u64, i32) -> u64);
modlink::export!(fn __muldi3(i64, i64) -> i64);
