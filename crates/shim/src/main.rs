//! `hythe-shim`: the supervisor of one container; by other names and arguments, the OCI runtime and the init it brings.

fn main() {
    let args: Vec<String> = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    if shim::supervisor::is_asked(&args) {
        std::process::exit(shim::supervisor::run());
    }
    std::process::exit(2);
}
