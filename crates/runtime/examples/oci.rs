//! The OCI command line alone, as the tests run it; `hythe-shim` is the program that has it in the product.

fn main() {
    let args: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    if args.first().is_some_and(|first| first == "docker-init") {
        std::process::exit(runtime::init::main(args.into_iter().skip(1), std::env::vars_os()));
    }
    std::process::exit(runtime::cli::main(&args));
}
