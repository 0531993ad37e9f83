//! `system dial-stdio`: joins standard input and output to the engine's socket, for clients that come by ssh.

use std::io::{self, Read as _, Write as _};

use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::connect;
use crate::failure::Outcome;
use crate::flag::Parsed;
use crate::session;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "",
    about: "Proxy the stdio stream to the daemon connection. Should not be invoked manually.",
    aliases: "",
    args: Args::None,
    interspersed: true,
    flags: &[],
    run,
};

/// One read of either side.
const BYTES: usize = 64 * 1024;

fn run(cli: &Cli, _: &Parsed) -> Outcome {
    let client::Session { mut output, mut input, .. } = client::dial(&connect::endpoint(cli)?)?;
    std::thread::Builder::new().name("stdin".into()).spawn(move || {
        let mut buffer = vec![0; BYTES];
        let mut stdin = io::stdin().lock();
        while let Ok(count @ 1..) = stdin.read(&mut buffer) {
            if input.write_all(buffer.get(..count).unwrap_or_default()).is_err() {
                return;
            }
        }
        // The other side may still have something to say.
        let _ = input.close();
    })?;
    let mut to = session::output()?;
    let mut buffer = vec![0; BYTES];
    loop {
        match output.read(&mut buffer)? {
            0 => return Ok(()),
            count => to.write_all(buffer.get(..count).unwrap_or_default())?,
        }
    }
}
