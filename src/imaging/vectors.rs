//! Pixel loops compiled twice: for every processor of the target, and for the wider vectors that nearly
//! all of them have. No multiplication is fused with an addition, so both give the same bytes.

/// Runs `work` with the widest vectors that the processor has. What is to gain by it must be inlined
/// into the closure, the closure itself included: `vectorized(#[inline(always)] || …)`.
#[inline(always)]
pub(crate) fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if let Some(wide) = fearless_simd::Level::new().as_avx2() {
        return fearless_simd::Simd::vectorize(wide, work);
    }
    work()
}
