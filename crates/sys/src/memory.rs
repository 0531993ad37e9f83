//! How the C library's allocator uses memory.
//!
//! It gives each thread that contends a heap of its own and keeps what is freed in them: a program with hundreds of short
//! threads ends up with many heaps that are mostly empty.

/// Has all threads share `count` heaps. For the start of a program, before there are threads.
pub fn share_heaps(count: u16) {
    // SAFETY: only sets a number in the allocator, under its own lock.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, libc::c_int::from(count)) };
}

/// Gives the pages of all heaps that hold nothing back to the kernel.
pub fn trim() {
    // SAFETY: releases only memory that the allocator knows to be free, under its own locks.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_freed_goes_back() {
        let anonymous = || {
            let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
            let line = text.lines().find(|line| line.starts_with("Anonymous:")).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
        };
        super::share_heaps(1);
        // Pieces with a small one left between them, so that the end of the heap cannot simply be lowered.
        let (large, small): (Vec<_>, Vec<_>) =
            (0..2000).map(|_| (vec![1_u8; 16 << 10], vec![1_u8; 64])).unzip();
        let full = anonymous();
        drop(large);
        super::trim();
        assert!(anonymous() + 20_000 < full, "{} of {full} kB are left", anonymous());
        drop(small);
    }
}
