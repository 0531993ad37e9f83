//! The lists that `docs/compatibility.md` is held against: every operation of the Engine API and every flag of Docker's
//! command line, taken from Docker's own descriptions of them. Facts only, one line an operation or command.

use std::path::Path;

use testkit::fixture::workspace;

/// Reads the API's swagger file and the table of flags, and writes `tests/spec/{operations,flags}.txt`.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let [swagger, flags] = args else {
        return Err("spec needs the API's swagger file and the table of flags".to_owned());
    };
    let dir = workspace().join("tests/spec");
    std::fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
    write(&dir.join("operations.txt"), &operations(&read(swagger)?))?;
    write(&dir.join("flags.txt"), &commands(&read(flags)?))
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}

fn write(path: &Path, lines: &[String]) -> Result<(), String> {
    println!("{}: {} lines", path.display(), lines.len());
    std::fs::write(path, lines.join("\n") + "\n").map_err(|error| format!("{}: {error}", path.display()))
}

/// `METHOD /path` of everything below `paths:`, which is indented by two (paths) and four (methods).
fn operations(swagger: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut path = "";
    for line in swagger.lines().skip_while(|line| *line != "paths:").skip(1) {
        let Some(name) = line.strip_prefix("  ") else {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            break;
        };
        let Some(name) = name.split(':').next().filter(|_| line.ends_with(':')) else { continue };
        if name.starts_with('/') {
            path = name;
        } else if let Some(method @ ("get" | "post" | "put" | "head" | "delete")) = name.strip_prefix("  ") {
            found.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    found
}

/// `command: --flag --other`, for each command that is not another's name, `docker` for the global flags.
fn commands(table: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in table.lines().take_while(|line| !line.starts_with("# Hidden")) {
        let Some((head, flags)) = line.split_once("): ") else { continue };
        let Some(command) = head.strip_prefix("docker ").and_then(|rest| rest.split([' ', '(', '[']).next())
        else {
            continue;
        };
        let name = if command.is_empty() { "docker".to_owned() } else { command_name(head) };
        let long = flags.split(", ").filter_map(|flag| {
            let name = flag.split(' ').next()?;
            name.find("--").map(|at| name[at..].to_owned())
        });
        found.push(format!("{name}: {}", long.collect::<Vec<_>>().join(" ")).trim_end().to_owned());
    }
    found
}

/// `container run` of `docker container run [aliases: run] (102`.
fn command_name(head: &str) -> String {
    let words = head.split(' ').skip(1).take_while(|word| !word.starts_with(['[', '(']));
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_the_methods_below_the_paths() {
        let text = "info:\n  get:\npaths:\n  /a/{id}:\n    get:\n      summary: x\n    delete:\n  # no\n  /b:\n    post:\nx:\n  /c:\n    get:\n";
        assert_eq!(operations(text), ["GET /a/{id}", "DELETE /a/{id}", "POST /b"]);
    }

    #[test]
    fn flags_are_the_long_names() {
        let text = "# x\ndocker (global): -D/--debug bool, --config string=/x\ndocker ps -> alias of docker container ls (same 8 flags)\n\
                    docker container ls [aliases: container list, ps] (2): -a/--all bool, --filter filter\n\
                    docker wait (0): -\n# Hidden\ndocker x (1): --y\n";
        assert_eq!(commands(text), ["docker: --debug --config", "container ls: --all --filter", "wait:"]);
    }
}
