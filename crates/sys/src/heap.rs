//! The heap of a small program linked with musl.
//!
//! musl's allocator asks the kernel for a page and gives it back for nearly every allocation of a process that has few:
//! 25 times in the child that becomes an exec's program, with a page fault each. So small ones come from dlmalloc, which
//! takes 64 KiB at a time. Large ones stay musl's: it maps those on their own, so their pages take no memory until they are
//! written to and are gone when they are freed, which a buffer for bursts needs. dlmalloc does neither.

use std::alloc::{GlobalAlloc, Layout, System};

use dlmalloc::GlobalDlmalloc;

/// The allocator, for `#[global_allocator]`.
#[derive(Debug)]
pub struct Heap;

/// From this size (bytes) on they are musl's.
const LARGE: usize = 32 * 1024;

fn is_large(size: usize) -> bool {
    size >= LARGE
}

// SAFETY: each size belongs to one of two allocators for ever, so what one has given is given back to that one; what moves
// from one to the other goes through the trait's own `realloc`, which allocates, copies and frees.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise, passed on.
        unsafe { if is_large(layout.size()) { System.alloc(layout) } else { GlobalDlmalloc.alloc(layout) } }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe {
            if is_large(layout.size()) {
                System.alloc_zeroed(layout)
            } else {
                GlobalDlmalloc.alloc_zeroed(layout)
            }
        }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe {
            if is_large(layout.size()) {
                System.dealloc(place, layout);
            } else {
                GlobalDlmalloc.dealloc(place, layout);
            }
        }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        match (is_large(layout.size()), is_large(size)) {
            // SAFETY: as above.
            (true, true) => unsafe { System.realloc(place, layout, size) },
            // SAFETY: as above.
            (false, false) => unsafe { GlobalDlmalloc.realloc(place, layout, size) },
            _ => {
                // SAFETY: the caller promises that the new size fits into a layout with this alignment.
                let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
                // SAFETY: as above; both places are as long as what is copied, and different.
                unsafe {
                    let moved = self.alloc(new);
                    if !moved.is_null() {
                        moved.copy_from_nonoverlapping(place, layout.size().min(size));
                        self.dealloc(place, layout);
                    }
                    moved
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [usize; 8] = [1, 100, 4096, LARGE - 1, LARGE, LARGE + 1, 3 * LARGE, 40];

    #[test]
    fn what_is_kept_survives_every_change_of_size() {
        for from in SIZES {
            for to in SIZES {
                let layout = Layout::from_size_align(from, 16).unwrap();
                // SAFETY: used and freed as allocated.
                unsafe {
                    let place = Heap.alloc(layout);
                    place.write_bytes(7, from);
                    let moved = Heap.realloc(place, layout, to);
                    let kept = std::slice::from_raw_parts(moved, from.min(to));
                    assert!(kept.iter().all(|&byte| byte == 7), "{from} to {to}");
                    Heap.dealloc(moved, Layout::from_size_align(to, 16).unwrap());
                }
            }
        }
    }

    #[test]
    fn zeroed_is_zero_where_something_was_before() {
        for size in SIZES {
            let layout = Layout::from_size_align(size, 8).unwrap();
            // SAFETY: used and freed as allocated.
            unsafe {
                let place = Heap.alloc(layout);
                place.write_bytes(0xFF, size);
                Heap.dealloc(place, layout);
                let place = Heap.alloc_zeroed(layout);
                assert!(std::slice::from_raw_parts(place, size).iter().all(|&byte| byte == 0), "{size}");
                Heap.dealloc(place, layout);
            }
        }
    }
}
