//! Lays a user's settings over the image's (semantics 65 and 66), and finds the command line in the result.
//!
//! Pure. The user wins key by key; only entrypoint and command hang together: an entrypoint of the user's own drops the
//! image's command, because that command was written for the image's entrypoint.

use api::StringMap;
use api::container::{Config, HealthConfig};
use errdefs::Result;

/// Fills what `user` leaves open from `image`.
pub(crate) fn image_defaults(user: &mut Config, image: &Config) {
    take_if_empty(&mut user.user, &image.user);
    take_if_empty(&mut user.working_dir, &image.working_dir);
    take_if_empty(&mut user.stop_signal, &image.stop_signal);
    // Not the shell: Docker's containers do not take it over, so probes by `CMD-SHELL` run by `/bin/sh`.
    for (ours, theirs) in
        [(&mut user.exposed_ports, &image.exposed_ports), (&mut user.volumes, &image.volumes)]
    {
        if let Some(theirs) = theirs.as_ref().filter(|set| !set.is_empty()) {
            ours.get_or_insert_default().extend(theirs.iter().map(|(key, value)| (key.clone(), *value)));
        }
    }
    // An empty set is none, as Docker shows it.
    user.volumes = user.volumes.take().filter(|set| !set.is_empty());
    if let Some(env) = image.env.as_ref().filter(|env| !env.is_empty()) {
        super::env::merge_image(user.env.get_or_insert_default(), env);
    }
    merge_labels(&mut user.labels, &image.labels);
    if user.entrypoint.as_ref().is_none_or(|words| words.0.is_empty()) {
        if user.cmd.as_ref().is_none_or(|words| words.0.is_empty()) {
            user.cmd.clone_from(&image.cmd);
            user.args_escaped = image.args_escaped;
        }
        if user.entrypoint.is_none() {
            user.entrypoint.clone_from(&image.entrypoint);
        }
    }
    merge_health(&mut user.healthcheck, image.healthcheck.as_ref());
}

fn take_if_empty(ours: &mut String, theirs: &str) {
    if ours.is_empty() {
        theirs.clone_into(ours);
    }
}

fn merge_labels(ours: &mut StringMap, theirs: &StringMap) {
    for (key, value) in theirs {
        ours.entry(key.clone()).or_insert_with(|| value.clone());
    }
}

fn merge_health(ours: &mut Option<HealthConfig>, theirs: Option<&HealthConfig>) {
    let Some(theirs) = theirs else { return };
    let Some(ours) = ours else {
        *ours = Some(theirs.clone());
        return;
    };
    if ours.test.as_ref().is_none_or(Vec::is_empty) {
        ours.test.clone_from(&theirs.test);
    }
    let fields = [
        (&mut ours.interval, theirs.interval),
        (&mut ours.timeout, theirs.timeout),
        (&mut ours.start_period, theirs.start_period),
        (&mut ours.start_interval, theirs.start_interval),
        (&mut ours.retries, theirs.retries),
    ];
    for (ours, theirs) in fields {
        if *ours == 0 {
            *ours = theirs;
        }
    }
}

/// An image's health check in the API's form.
pub(crate) fn health(health: &oci::image::Healthcheck) -> HealthConfig {
    HealthConfig {
        test: (!health.test.is_empty()).then(|| health.test.clone()),
        interval: health.interval,
        timeout: health.timeout,
        start_period: health.start_period,
        start_interval: health.start_interval,
        retries: health.retries,
    }
}

/// An image's settings in the API's form.
pub(crate) fn from_image(image: &oci::image::ContainerConfig) -> Config {
    let list = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
    let words = |words: &Option<Vec<String>>| words.clone().map(api::StrSlice);
    let set = |names: &std::collections::BTreeSet<String>| -> Option<api::Set> {
        (!names.is_empty()).then(|| names.iter().map(|name| (name.clone(), api::Empty)).collect())
    };
    Config {
        user: image.user.clone(),
        exposed_ports: set(&image.exposed_ports),
        env: list(&image.env),
        cmd: words(&image.cmd),
        healthcheck: image.healthcheck.as_ref().map(health),
        args_escaped: image.args_escaped,
        volumes: set(&image.volumes),
        working_dir: image.working_dir.clone(),
        entrypoint: words(&image.entrypoint),
        labels: image.labels.clone(),
        stop_signal: image.stop_signal.clone(),
        shell: words(&image.shell),
        ..Config::default()
    }
}

/// The same back, for an image made of a container.
pub(crate) fn to_image(config: &Config) -> oci::image::ContainerConfig {
    let words = |words: &Option<api::StrSlice>| words.as_ref().map(|words| words.0.clone());
    let names = |set: &Option<api::Set>| set.iter().flatten().map(|(name, _)| name.clone()).collect();
    oci::image::ContainerConfig {
        user: config.user.clone(),
        exposed_ports: names(&config.exposed_ports),
        env: config.env.clone().unwrap_or_default(),
        entrypoint: words(&config.entrypoint),
        cmd: words(&config.cmd),
        volumes: names(&config.volumes),
        working_dir: config.working_dir.clone(),
        labels: config.labels.clone(),
        stop_signal: config.stop_signal.clone(),
        args_escaped: config.args_escaped,
        healthcheck: config.healthcheck.as_ref().map(|health| oci::image::Healthcheck {
            test: health.test.clone().unwrap_or_default(),
            interval: health.interval,
            timeout: health.timeout,
            start_period: health.start_period,
            start_interval: health.start_interval,
            retries: health.retries,
        }),
        on_build: config.on_build.clone().unwrap_or_default(),
        shell: words(&config.shell),
    }
}

/// The program and its arguments; also resets an entrypoint of `[""]`.
///
/// # Errors
/// Invalid parameter if there is neither an entrypoint nor a command.
pub(crate) fn command(config: &mut Config) -> Result<(String, Vec<String>)> {
    if config.entrypoint.as_ref().is_some_and(|words| words.0.len() == 1 && words.0[0].is_empty()) {
        config.entrypoint = None;
    }
    let words = |list: &Option<api::StrSlice>| list.as_ref().map(|words| words.0.clone()).unwrap_or_default();
    let mut line = words(&config.entrypoint);
    line.extend(words(&config.cmd));
    if line.is_empty() {
        return Err(errdefs::invalid("no command specified"));
    }
    let path = line.remove(0);
    Ok((path, line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::StrSlice;

    fn words(list: &[&str]) -> Option<StrSlice> {
        Some(StrSlice(list.iter().map(|word| (*word).to_owned()).collect()))
    }

    fn line(
        user: (Option<StrSlice>, Option<StrSlice>),
        image: (Option<StrSlice>, Option<StrSlice>),
    ) -> String {
        let mut user = Config { entrypoint: user.0, cmd: user.1, ..Config::default() };
        let image = Config { entrypoint: image.0, cmd: image.1, ..Config::default() };
        image_defaults(&mut user, &image);
        match command(&mut user) {
            Ok((path, args)) => std::iter::once(path).chain(args).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn entrypoint_and_command_hang_together() {
        let image = || (words(&["ep"]), words(&["ic"]));
        let table = [
            ((None, None), image(), "ep ic"),
            ((None, words(&["uc"])), image(), "ep uc"),
            ((words(&["ue"]), None), image(), "ue"),
            ((words(&["ue"]), words(&["uc"])), image(), "ue uc"),
            ((words(&[""]), words(&["uc"])), image(), "uc"),
            ((words(&[""]), None), image(), "no command specified"),
            ((words(&[]), None), image(), "ic"),
            ((None, None), (None, words(&["ic"])), "ic"),
            ((None, None), (None, None), "no command specified"),
        ];
        for (user, image, expected) in table {
            assert_eq!(line(user.clone(), image), expected, "{user:?}");
        }
    }

    #[test]
    fn maps_merge_by_key_and_the_user_wins() {
        let mut user = Config {
            labels: StringMap::from([("a".into(), "user".into())]),
            env: Some(vec!["X=user".into()]),
            ..Config::default()
        };
        let image = Config {
            labels: StringMap::from([("a".into(), "image".into()), ("b".into(), "image".into())]),
            env: Some(vec!["X=image".into(), "Y=image".into()]),
            volumes: Some([("/v".to_owned(), api::Empty)].into()),
            working_dir: "/w".into(),
            stop_signal: "SIGINT".into(),
            ..Config::default()
        };
        image_defaults(&mut user, &image);
        assert_eq!(user.labels["a"], "user");
        assert_eq!(user.labels["b"], "image");
        assert_eq!(user.env.unwrap(), ["X=user", "Y=image"]);
        assert!(user.volumes.unwrap().contains_key("/v"));
        assert_eq!((user.working_dir.as_str(), user.stop_signal.as_str()), ("/w", "SIGINT"));
        assert_eq!(user.exposed_ports, None, "nothing stays nothing");
    }

    #[test]
    fn health_checks_merge_field_by_field() {
        let image = HealthConfig {
            test: Some(vec!["CMD".into(), "x".into()]),
            interval: 5,
            retries: 2,
            ..Default::default()
        };
        let mut none = None;
        merge_health(&mut none, Some(&image));
        assert_eq!(none.as_ref(), Some(&image));
        let mut ours = Some(HealthConfig { interval: 9, ..Default::default() });
        merge_health(&mut ours, Some(&image));
        let ours = ours.unwrap();
        assert_eq!((ours.test, ours.interval, ours.retries), (image.test.clone(), 9, 2));
    }
}
