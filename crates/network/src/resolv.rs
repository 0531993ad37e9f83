//! The container's `/etc/resolv.conf`.

use std::net::IpAddr;

/// What a container asks for: `--dns`, `--dns-search`, `--dns-option`. Empty lists mean the daemon's defaults.
#[derive(Debug, Clone, Default)]
pub struct ResolvOptions {
    /// Name servers.
    pub servers: Vec<IpAddr>,
    /// Search domains; a single `.` means none at all.
    pub search: Vec<String>,
    /// Resolver options.
    pub options: Vec<String>,
}

/// A resolver configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResolvConf {
    /// Name servers.
    pub servers: Vec<IpAddr>,
    /// Search domains.
    pub search: Vec<String>,
    /// Resolver options.
    pub options: Vec<String>,
    /// The file's text in Docker's layout, with its trailing comments.
    pub text: String,
}
