//! Ports for servers of one's own.

/// A port that may be free. It is below those that kernels hand out to outgoing connections, so that a server that
/// was killed finds it free again.
pub fn random_port() -> u16 {
    rand::random_range(20_000..32_000)
}
