//! What a load is asked to do otherwise than it would.

/// What the one who asks for a load says of it. By default nothing: everything is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadOptions {
    /// The versions of what the module imports are not compared, as if it had none (finit_module(2):
    /// `MODULE_INIT_IGNORE_MODVERSIONS`). Without the feature `versions` they never are.
    pub ignore_modversions: bool,
    /// Its vermagic is not compared, as if it had none (finit_module(2):
    /// `MODULE_INIT_IGNORE_VERMAGIC`). Without the feature `versions` it never is.
    pub ignore_vermagic: bool,
}
