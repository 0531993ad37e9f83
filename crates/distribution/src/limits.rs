//! Limits and timeouts of the registry client, each with its reason.
//!
//! A registry is another party: whatever it sends is bounded in size and in time before it is looked at.

use std::time::Duration;

/// Largest manifest or index accepted. The distribution specification asks registries to take at least this much, and
/// every known registry refuses more.
pub const MANIFEST_MAX: u64 = 4 << 20;

/// Largest image configuration accepted. Real ones are a few KiB; the history of a huge build stays below 1 MiB.
pub const CONFIG_MAX: u64 = 8 << 20;

/// Largest answer of a token service. A token is a few KiB.
pub const TOKEN_ANSWER_MAX: u64 = 1 << 20;

/// Largest error body looked at; more is cut off, for it is only quoted.
pub const ERROR_BODY_MAX: u64 = 64 << 10;

/// Largest page of a tag list, and the most tags taken from one repository.
pub const TAGS_PAGE_MAX: u64 = 4 << 20;
/// See [`TAGS_PAGE_MAX`].
pub const TAGS_MAX: usize = 100_000;

/// Most layers one image may have: overlayfs takes at most 500 lower directories.
pub const LAYERS_MAX: usize = 500;

/// How often one request or one blob is tried before giving up, as Docker's `max-download-attempts`.
pub const ATTEMPTS: u32 = 5;

/// First pause between two attempts; doubles each time.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(500);

/// Longest pause between two attempts that we choose ourselves.
pub const BACKOFF_MAX: Duration = Duration::from_secs(20);

/// Longest `Retry-After` obeyed: a registry that asks for more gets an error now instead of a user who waits unknowing.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(120);

/// Redirects followed for one request, as Go's HTTP client and so Docker.
pub const REDIRECTS_MAX: usize = 10;

/// Time to make a TCP connection, over all addresses of a host.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Time for a registry to begin to answer: some scan or verify an upload before they do.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// Longest silence inside a body before the connection counts as dead. Long enough for a registry that fetches from
/// its own upstream, short enough that a user does not believe in a hang.
pub const SILENCE_TIMEOUT: Duration = Duration::from_secs(60);

/// Layers of one pull in flight at once, if the configuration does not say. Docker takes 3; a layer's pipeline here
/// uses bounded buffers (see [`PIPE_CHUNK`]), so more cost little and hide the latency of a far registry.
pub const DOWNLOADS: usize = 6;

/// Layers of one push in flight at once, if the configuration does not say; Docker's number.
pub const UPLOADS: usize = 5;

/// Bytes handed from one stage of a layer's pipeline to the next.
pub const PIPE_CHUNK: usize = 256 << 10;

/// Most memory that one xz stream may want for its dictionary, in KiB: `xz -9` wants 64 MiB and a little.
pub const XZ_MEMORY_KIB: u32 = 128 << 10;

/// Chunks that may wait between two stages: with [`PIPE_CHUNK`] 1 MiB a stage, two stages a layer.
pub const PIPE_DEPTH: usize = 4;

/// A layer smaller than this is unpacked on one thread: starting two more costs more than they save.
pub const PIPELINE_MIN: i64 = 1 << 20;

/// A `Downloading` or `Pushing` message is sent at most once for this many bytes of a layer, and at most
/// [`PROGRESS_STEPS`] times: counted in bytes, so that the stream does not depend on the clock.
pub const PROGRESS_BYTES: u64 = 512 << 10;
/// See [`PROGRESS_BYTES`].
pub const PROGRESS_STEPS: u64 = 100;

/// A token is asked for anew this long before it runs out, so that it does not run out on the way.
pub const TOKEN_SLACK: Duration = Duration::from_secs(5);

/// How long a token lasts that does not say, by the token specification.
pub const TOKEN_DEFAULT_LIFE: Duration = Duration::from_secs(60);

/// Tokens kept at once; when full, the cache starts again from nothing.
pub const TOKENS_MAX: usize = 1024;

/// Connections kept open to one host for the next request of the same operation.
pub const IDLE_CONNECTIONS: usize = 16;

/// Read buffer of one connection: few system calls a megabyte on a fast link.
pub const READ_BUFFER: usize = 256 << 10;

/// Largest response header block.
pub const HEADERS_MAX: usize = 64 << 10;
