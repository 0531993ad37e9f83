//! Tells the program which machine it is for, in Go's word, which is what version texts show.

fn main() {
    #[expect(clippy::disallowed_methods, reason = "Cargo tells build scripts by their environment")]
    let arch = std::env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let arch = match arch.as_str() {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    println!("cargo::rustc-env=HYTHE_ARCH={arch}");
    println!("cargo::rerun-if-changed=build.rs");
}
