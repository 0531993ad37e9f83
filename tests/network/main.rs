//! Black-box tests of networking: what reaches a container, from where, and what must not.

mod modes;
mod publish;
