//! `hythed`: the engine as a program. It reads its configuration, wires the handles together and serves.
//!
//! Called as `dockerd` it also listens where Docker's clients look.

use std::process::ExitCode;

mod cleanup;
mod config;
mod flags;
mod listen;
mod lock;
mod log;
mod notify;
mod run;
mod tls;
mod wire;

use config::Asked;

/// A variable of the environment, if it is set and not empty. Only programs read the environment.
#[expect(clippy::disallowed_methods, reason = "the daemon is where the environment is read")]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn main() -> ExitCode {
    let mut args = std::env::args();
    let called = args.next().unwrap_or_default();
    let mut args: Vec<String> = args.collect();
    if called.rsplit('/').next() == Some("dockerd")
        && !args.iter().any(|arg| arg.starts_with("-H") || arg.starts_with("--host"))
    {
        args.push("--docker-socket".to_owned());
    }
    let done = config::read(args.iter().cloned()).and_then(|asked| match asked {
        Asked::Help => {
            print!("{}", help());
            Ok(())
        }
        Asked::Version => {
            println!(
                "Hythe version {} (Docker {})",
                env!("CARGO_PKG_VERSION"),
                engine::system::DOCKER_VERSION
            );
            Ok(())
        }
        Asked::Validate => {
            println!("configuration OK");
            Ok(())
        }
        Asked::CleanUp(config) => cleanup::run(&config),
        Asked::Run(config) => run::run(*config, args),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hythed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The flags that mean something here, one a line.
fn help() -> String {
    let mut text = "Usage:  hythed [OPTIONS]\n\nThe Hythe container engine.\n\nOptions:\n".to_owned();
    for flag in flags::TABLE.iter().filter(|flag| flag.purpose == flags::Use::Meant) {
        let short = flag.short.map_or_else(|| "    ".to_owned(), |letter| format!("-{letter}, "));
        let takes = match flag.takes {
            flags::Takes::Bool => "",
            flags::Takes::One => " VALUE",
            flags::Takes::Many => " VALUE ...",
        };
        text.push_str(&format!("  {short}--{}{takes}\n", flag.long));
    }
    text.push_str(
        "\nEvery other flag of dockerd is accepted and ignored, or refused where that would be unsafe.\n",
    );
    text
}
