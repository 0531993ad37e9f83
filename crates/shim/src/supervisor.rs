//! The shim itself.

/// Runs the supervisor.
#[expect(clippy::todo, reason = "first landing: the interface")]
pub fn run() -> ! {
    todo!()
}
