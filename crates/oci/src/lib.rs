//! The data of the Open Container Initiative: image and runtime documents, digests, references, platforms. Pure: no I/O.

pub mod runtime;
