//! Sends containers' logs on to remote drivers: syslog, journald, gelf, fluentd.
//!
//! A container's shim knows nothing of remote drivers: it writes the log's local cache, a file, as for any other. Here, in
//! the daemon, one thread for each such container follows that file as `logs -f` would, sends what it reads, and notes
//! beside it how far it has come. So a remote that is slow or down costs the container nothing and memory nothing; what it
//! misses waits in the cache, as much as that holds; and a daemon that starts again goes on where the last one stopped.
//!
//! Invariants:
//! - What has been noted as sent was taken over by the other side as far as that can be known: acknowledged by its
//!   kernel, and by the receiver itself where the protocol has a word for it. After a crash some lines come twice, none
//!   is left out unless the cache was full.
//! - Everything needed to send is in the log's directory below the spool, so that it outlives the daemon and the
//!   container's record: the log of a removed container is sent to its end first.
//! - Every wait also waits for the order to stop.
//!
//! Not in the shim, which must stay small and have one thread, and not in a process of its own, which would have to be
//! watched itself.

mod address;
mod batch;
mod fluentd;
mod gelf;
mod job;
mod journald;
mod link;
mod options;
mod shippers;
mod syslog;
mod tls;
mod worker;

pub use job::{Job, Subject};
pub use options::{DRIVERS, check};
pub use shippers::Shippers;
