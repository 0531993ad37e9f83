//! Copying and comparing of bytes in the programs linked with musl, whose own are slow on the short runs ours live on.
//!
//! On `x86_64` musl copies with `rep movsq`, some 30 cycles before the first byte, and compares byte by byte. A line of a
//! log, a field of JSON, a cell of a table has 10 to 100 bytes: of its work on a log the shim spent almost half in `memcpy`.
//! The functions here take the place of musl's at link time (a symbol of an object goes before one of an archive). With
//! glibc, which has versions for every processor, they are linked into tests only. SSE2 is all they need, which is part
//! of `x86_64`.
//!
//! They are assembly because a compiler makes a call of `memcpy` from any loop that copies.

use std::arch::global_asm;

// memmove(rdi: to, rsi: from, rdx: count) -> rax: to. memcpy is the same function.
//
// Up to 128 bytes all is loaded, from both ends, before anything is stored: overlaps need no thought. Beyond, blocks of 64
// go upwards, or downwards if the destination begins inside the source; the block that the loop comes to last is loaded
// first, for by then it may be overwritten.
global_asm!(
    r#"
    .pushsection .text.hythe_memmove,"ax",@progbits
    .p2align 5
    .globl hythe_memmove
    .hidden hythe_memmove
    .type hythe_memmove,@function
hythe_memmove:
    mov rax, rdi
    cmp rdx, 16
    jb 2f
    cmp rdx, 32
    ja 5f
    movups xmm0, [rsi]
    movups xmm1, [rsi + rdx - 16]
    movups [rdi], xmm0
    movups [rdi + rdx - 16], xmm1
    ret
2:  cmp edx, 8
    jb 3f
    mov rcx, [rsi]
    mov r8, [rsi + rdx - 8]
    mov [rdi], rcx
    mov [rdi + rdx - 8], r8
    ret
3:  cmp edx, 4
    jb 4f
    mov ecx, [rsi]
    mov r8d, [rsi + rdx - 4]
    mov [rdi], ecx
    mov [rdi + rdx - 4], r8d
    ret
4:  test edx, edx
    jz 9f
    mov r9, rdx
    shr r9
    movzx ecx, byte ptr [rsi]
    movzx r8d, byte ptr [rsi + r9]
    movzx r10d, byte ptr [rsi + rdx - 1]
    mov [rdi], cl
    mov [rdi + r9], r8b
    mov [rdi + rdx - 1], r10b
9:  ret
5:  cmp rdx, 64
    ja 6f
    movups xmm0, [rsi]
    movups xmm1, [rsi + 16]
    movups xmm2, [rsi + rdx - 32]
    movups xmm3, [rsi + rdx - 16]
    movups [rdi], xmm0
    movups [rdi + 16], xmm1
    movups [rdi + rdx - 32], xmm2
    movups [rdi + rdx - 16], xmm3
    ret
6:  mov rcx, rdi
    sub rcx, rsi
    cmp rcx, rdx
    jb 8f
    movups xmm4, [rsi + rdx - 64]
    movups xmm5, [rsi + rdx - 48]
    movups xmm6, [rsi + rdx - 32]
    movups xmm7, [rsi + rdx - 16]
    lea r8, [rdi + rdx - 64]
7:  movups xmm0, [rsi]
    movups xmm1, [rsi + 16]
    movups xmm2, [rsi + 32]
    movups xmm3, [rsi + 48]
    add rsi, 64
    movups [rdi], xmm0
    movups [rdi + 16], xmm1
    movups [rdi + 32], xmm2
    movups [rdi + 48], xmm3
    add rdi, 64
    cmp rdi, r8
    jb 7b
    movups [r8], xmm4
    movups [r8 + 16], xmm5
    movups [r8 + 32], xmm6
    movups [r8 + 48], xmm7
    ret
8:  movups xmm4, [rsi]
    movups xmm5, [rsi + 16]
    movups xmm6, [rsi + 32]
    movups xmm7, [rsi + 48]
    lea r9, [rdi + 64]
    lea r8, [rdi + rdx]
    add rsi, rdx
7:  movups xmm0, [rsi - 16]
    movups xmm1, [rsi - 32]
    movups xmm2, [rsi - 48]
    movups xmm3, [rsi - 64]
    sub rsi, 64
    movups [r8 - 16], xmm0
    movups [r8 - 32], xmm1
    movups [r8 - 48], xmm2
    movups [r8 - 64], xmm3
    sub r8, 64
    cmp r8, r9
    ja 7b
    movups [rdi], xmm4
    movups [rdi + 16], xmm5
    movups [rdi + 32], xmm6
    movups [rdi + 48], xmm7
    ret
    .size hythe_memmove, . - hythe_memmove
    .popsection
"#
);

// memcmp(rdi, rsi, rdx: count) -> eax: less than, equal to, greater than 0, by the first bytes that differ.
global_asm!(
    r#"
    .pushsection .text.hythe_memcmp,"ax",@progbits
    .p2align 5
    .globl hythe_memcmp
    .hidden hythe_memcmp
    .type hythe_memcmp,@function
hythe_memcmp:
    xor eax, eax
    cmp rdx, 16
    jb 4f
2:  movups xmm0, [rdi]
    movups xmm1, [rsi]
    pcmpeqb xmm0, xmm1
    pmovmskb ecx, xmm0
    xor ecx, 0xffff
    jnz 3f
    add rdi, 16
    add rsi, 16
    sub rdx, 16
    jz 9f
    cmp rdx, 16
    jae 2b
    lea rdi, [rdi + rdx - 16]
    lea rsi, [rsi + rdx - 16]
    mov edx, 16
    jmp 2b
3:  bsf ecx, ecx
    movzx eax, byte ptr [rdi + rcx]
    movzx edx, byte ptr [rsi + rcx]
    sub eax, edx
9:  ret
4:  cmp edx, 8
    jb 5f
    mov rcx, [rdi]
    mov r8, [rsi]
    cmp rcx, r8
    jne 8f
    mov rcx, [rdi + rdx - 8]
    mov r8, [rsi + rdx - 8]
    cmp rcx, r8
    jne 8f
    ret
5:  cmp edx, 4
    jb 6f
    mov ecx, [rdi]
    mov r8d, [rsi]
    cmp ecx, r8d
    jne 8f
    mov ecx, [rdi + rdx - 4]
    mov r8d, [rsi + rdx - 4]
    cmp ecx, r8d
    jne 8f
    ret
6:  test edx, edx
    jz 9b
7:  movzx eax, byte ptr [rdi]
    movzx ecx, byte ptr [rsi]
    sub eax, ecx
    jnz 9b
    inc rdi
    inc rsi
    dec edx
    jnz 7b
    ret
8:  bswap rcx
    bswap r8
    cmp rcx, r8
    sbb eax, eax
    or eax, 1
    ret
    .size hythe_memcmp, . - hythe_memcmp
    .popsection
"#
);

#[cfg(target_env = "musl")]
global_asm!(
    r"
    .globl memcpy
    .globl memmove
    .globl memcmp
    .globl bcmp
    .set memcpy, hythe_memmove
    .set memmove, hythe_memmove
    .set memcmp, hythe_memcmp
    .set bcmp, hythe_memcmp
"
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    unsafe extern "C" {
        fn hythe_memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8;
        fn hythe_memcmp(a: *const u8, b: *const u8, count: usize) -> i32;
    }

    /// Room on both sides of a copy, to see that nothing beside it is written.
    const ROOM: usize = 300;

    fn moves(from: usize, to: usize, count: usize) {
        let before: Vec<u8> = (0..1024_u32).map(|n| (n * 7 % 251) as u8).collect();
        let mut want = before.clone();
        want.copy_within(from..from + count, to);
        let mut seen = before;
        assert!(from.max(to) + count <= seen.len());
        let base = seen.as_mut_ptr();
        // SAFETY: both ranges lie in `seen`, which the assertion above says; memmove allows them to overlap.
        let returned = unsafe { hythe_memmove(base.add(to), base.add(from), count) };
        assert_eq!(returned, base.wrapping_add(to));
        assert!(seen == want, "{count} bytes from {from} to {to}");
    }

    #[test]
    fn every_length_in_both_directions_and_apart() {
        for count in 0..=ROOM {
            for distance in [0, 1, 7, 15, 16, 17, 31, 63, 64, 65, 127, 128, 200, 300] {
                moves(ROOM, ROOM + distance, count);
                moves(ROOM + distance, ROOM, count);
            }
        }
    }

    #[test]
    fn the_first_difference_decides_wherever_it_is() {
        for count in 0..=100 {
            let a = vec![0x41; count];
            // SAFETY: both buffers have `count` bytes.
            let compare = |a: &[u8], b: &[u8]| unsafe { hythe_memcmp(a.as_ptr(), b.as_ptr(), count) };
            assert_eq!(compare(&a, &a.clone()), 0, "{count}");
            for at in 0..count {
                let mut b = a.clone();
                b[at] = 0xC1;
                // What comes after it says the opposite.
                b[at + 1..].fill(0);
                assert!(compare(&a, &b) < 0, "{at} of {count}");
                assert!(compare(&b, &a) > 0, "{at} of {count}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_copy_within_a_buffer(from in 0_usize..700, to in 0_usize..700, count in 0_usize..324) {
            moves(from, to, count);
        }
    }
}
