//! What one archive may ask of us. Each limit is far above what images in use need, and far below what hurts.

/// Longest path in an archive, in bytes: the kernel's `PATH_MAX` without its NUL.
pub(crate) const PATH_BYTES_MAX: usize = 4095;

/// Longest component of a path, in bytes: the kernel's `NAME_MAX`.
pub(crate) const NAME_BYTES_MAX: usize = 255;

/// Deepest path in an archive, in components. Walking a tree holds a descriptor a level, and a process has 1,024 of
/// them by default; the deepest trees in use (nested `node_modules`) have about 60.
pub(crate) const DEPTH_MAX: usize = 512;

/// Most entries in one archive: the largest images known have under a million files. Each costs an inode at least.
/// (Fewer in tests, for reading so many headers takes a while.)
pub(crate) const ENTRIES_MAX: u64 = if cfg!(test) { 20_000 } else { 8_000_000 };

/// Most bytes of one extended header (pax records, GNU long name), all held in memory: Go's reader has the same limit.
pub(crate) const EXTENDED_HEADER_BYTES_MAX: u64 = 1 << 20;

/// Most pieces of one sparse file; each is 16 bytes of memory here and a write.
pub(crate) const SPARSE_PIECES_MAX: usize = 1 << 18;

/// Most extended attributes of one entry.
pub(crate) const XATTRS_MAX: usize = 128;

/// Largest value of an extended attribute, in bytes: the kernel's `XATTR_SIZE_MAX`.
pub(crate) const XATTR_BYTES_MAX: usize = 64 << 10;

/// How often a path is resolved again when the tree changes meanwhile (`EAGAIN` of `openat2`). A hostile container
/// can make each attempt fail; it must not keep us busy for ever.
pub(crate) const RESOLVE_ATTEMPTS_MAX: usize = 128;

/// Most symbolic links followed in one path: the kernel's own limit.
pub(crate) const SYMLINKS_MAX: usize = 40;
