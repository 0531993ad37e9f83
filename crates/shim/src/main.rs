//! `hythe-shim`: the supervisor of one container.

fn main() {
    shim::supervisor::run()
}
