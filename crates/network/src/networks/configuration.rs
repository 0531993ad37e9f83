//! Networks that are only a configuration: no container can be in one, others are made from it.

use std::borrow::Cow;

use errdefs::{Result, forbidden};
use jiff::Timestamp;

use super::state::State;
use crate::{Driver, Ipam, Network, NetworkSpec};

/// What a request of either kind may have.
///
/// # Errors
/// Forbidden, in Docker's words.
pub(super) fn check(spec: &NetworkSpec) -> Result<()> {
    if spec.config_only {
        if spec.internal || spec.attachable {
            return Err(forbidden(
                "configuration network can only contain network specific fields. Network operator fields like [ ingress | \
                 internal | attachable | scope ] are not supported.",
            ));
        }
        if !spec.config_from.is_empty() {
            return Err(forbidden("a configuration network cannot depend on another configuration network"));
        }
    }
    if spec.config_from.is_empty() {
        return Ok(());
    }
    let ipam = &spec.ipam;
    let options = ipam.options.as_ref().is_some_and(|options| !options.is_empty());
    let of_its_own = !matches!(ipam.driver.as_str(), "" | "default") || options || !ipam.config.is_empty();
    if of_its_own || spec.enable_ipv6 == Some(true) || !spec.labels.is_empty() {
        return Err(forbidden(
            "user specified configurations are not supported if the network depends on a configuration network",
        ));
    }
    if !spec.options.is_empty() {
        return Err(forbidden(
            "network driver options are not supported if the network depends on a configuration network",
        ));
    }
    Ok(())
}

/// A request with what it takes from the configuration that it names.
///
/// # Errors
/// NotFound if there is no such configuration.
pub(super) fn resolve<'s>(state: &State, spec: &'s NetworkSpec) -> Result<Cow<'s, NetworkSpec>> {
    if spec.config_from.is_empty() {
        return Ok(Cow::Borrowed(spec));
    }
    let found = state.network(&spec.config_from).ok().filter(|network| network.config_only);
    let from = found.ok_or_else(|| {
        errdefs::not_found(format!("configuration network {:?} does not exist", spec.config_from))
    })?;
    Ok(Cow::Owned(NetworkSpec {
        config_from: from.name.clone(),
        enable_ipv4: Some(from.enable_ipv4),
        enable_ipv6: Some(from.enable_ipv6),
        ipam: Ipam { config: from.asked.clone(), ..from.ipam.clone() },
        options: from.options.clone(),
        labels: from.labels.clone(),
        ..spec.clone()
    }))
}

/// The network of a request for a configuration: nothing of it is on the host.
pub(super) fn plan(spec: &NetworkSpec, id: String) -> Network {
    let ipam = Ipam { driver: "default".to_owned(), options: spec.ipam.options.clone(), config: Vec::new() };
    Network {
        id,
        name: spec.name.clone(),
        driver: Driver::Null,
        created: Timestamp::now(),
        internal: false,
        attachable: false,
        enable_ipv4: spec.enable_ipv4.unwrap_or(true),
        enable_ipv6: spec.enable_ipv6.unwrap_or(false),
        asked: spec.ipam.config.iter().filter(|config| config.subnet.is_some()).cloned().collect(),
        subnets_given: spec.ipam.config.iter().any(|config| config.subnet.is_some()),
        ipam,
        options: spec.options.clone(),
        labels: spec.labels.clone(),
        bridge: String::new(),
        link_made: false,
        config_only: true,
        config_from: String::new(),
    }
}

/// Whether a configuration may go.
///
/// # Errors
/// Forbidden, in Docker's words, while networks are made from it.
pub(super) fn check_unused(state: &State, network: &Network) -> Result<()> {
    let used = state.networks.values().any(|other| other.config_from == network.name);
    match network.config_only && used {
        true => Err(forbidden(format!(
            "error while removing network: configuration network {:?} is in use",
            network.name
        ))),
        false => Ok(()),
    }
}
