//! Black-box tests of networking: what reaches a container, from where, and what must not.

mod connect;
mod create;
mod gateway;
mod link_local;
mod links;
mod modes;
mod publish;
