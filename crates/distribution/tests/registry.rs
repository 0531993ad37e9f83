//! The client against registries on loopback: one written for the test that misbehaves on purpose, and a real one.

mod it {
    pub(crate) mod auth;
    pub(crate) mod download;
    pub(crate) mod hostile;
    pub(crate) mod proxy;
    pub(crate) mod pull;
    pub(crate) mod push;
    pub(crate) mod real;
    pub(crate) mod search;
    pub(crate) mod support;
    pub(crate) mod tls;
}
