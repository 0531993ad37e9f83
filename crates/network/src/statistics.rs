//! Counters of a container's interfaces, for `stats`.

/// Counters of one interface since it was made, as seen from inside the container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkStatistics {
    /// Interface name in the container (`eth0`). Loopback is never listed.
    pub name: String,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Errors while receiving.
    pub rx_errors: u64,
    /// Incoming packets dropped.
    pub rx_dropped: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Errors while sending.
    pub tx_errors: u64,
    /// Outgoing packets dropped.
    pub tx_dropped: u64,
}
