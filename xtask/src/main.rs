//! Project tasks that need more than cargo: `cargo xtask build|bench`.
fn main() {}
