//! Extra processes in a running container.

mod create;
mod inspect;
mod resize;
mod start;
