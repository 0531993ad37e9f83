//! The next step after a failure, for people: a line below the error, on terminals only, so that nothing a program reads
//! changes.

/// What to do about the failure that `text` tells of, if that is known.
pub(crate) fn next_step(text: &str) -> Option<String> {
    let has = |words: &str| text.contains(words);
    let after = |words: &str| text.split_once(words).map(|(_, rest)| rest);
    if has("Cannot connect to the Docker daemon at unix:///run/hythe.sock") {
        return Some("start the engine: run 'hythed' as root, or any 'hythe' command as root".to_owned());
    }
    if has("Cannot connect to the Docker daemon at") {
        return Some(
            "the address comes from --host, DOCKER_HOST or the context in use ('hythe context ls')"
                .to_owned(),
        );
    }
    if has("permission denied while trying to connect") {
        return Some("run it as root, or join the group of the socket ('usermod -aG hythe USER')".to_owned());
    }
    if has("port is already allocated") || has("address already in use") {
        let port = after("Bind for ")
            .and_then(|rest| rest.split_once(" failed"))
            .and_then(|(address, _)| address.rsplit_once(':'))
            .map(|(_, port)| port);
        return Some(match port {
            Some(port) => format!("see who has it: 'hythe ps --filter publish={port}', or 'ss -tulpn'"),
            None => "see who has it: 'hythe ps', or 'ss -tulpn'".to_owned(),
        });
    }
    if let Some(name) = after("The container name \"/").and_then(|rest| rest.split('"').next()) {
        return Some(format!("remove it with 'hythe rm -f {name}', or choose another --name"));
    }
    if has("No such container") {
        return Some("'hythe ps -a' lists all containers".to_owned());
    }
    if has("volume is in use") {
        return Some("see by whom: 'hythe ps -a --filter volume=NAME'".to_owned());
    }
    if has("has active endpoints") {
        return Some("see which: 'hythe ps --filter network=NAME'".to_owned());
    }
    if has("executable file not found") {
        return Some(
            "the image has no such program; look inside: 'hythe run --rm -it --entrypoint sh IMAGE'"
                .to_owned(),
        );
    }
    if has("no space left on device") {
        return Some(
            "see what takes the room: 'hythe system df'; free some: 'hythe system prune'".to_owned(),
        );
    }
    if has("pull access denied") || has("manifest unknown") || has("unauthorized") {
        return Some("check the name and the tag; images of others may need 'hythe login'".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps() {
        for (text, step) in [
            (
                "hythe: Error response from daemon: ... Bind for 0.0.0.0:8080 failed: port is already allocated",
                Some("see who has it: 'hythe ps --filter publish=8080', or 'ss -tulpn'"),
            ),
            (
                "Conflict. The container name \"/web\" is already in use by container \"x\".",
                Some("remove it with 'hythe rm -f web', or choose another --name"),
            ),
            ("Error response from daemon: No such container: x", Some("'hythe ps -a' lists all containers")),
            ("unknown flag: --x", None),
        ] {
            assert_eq!(next_step(text).as_deref(), step, "{text}");
        }
        assert!(next_step("Cannot connect to the Docker daemon at tcp://h:1.").unwrap().contains("--host"));
    }
}
