//! Legacy links where containers may not talk to each other: what one may reach of another one.
//!
//! The ports of such a bridge are isolated: no frame goes from one to another. The host answers for all of their addresses
//! (`proxy_arp_pvlan`), so that their packets come to it and are let through, or not, by the set of links.

use errdefs::Result;

use super::Inner;
use crate::firewall::{self, Entry};
use crate::schema::{ENDPOINTS, EndpointRecord};
use crate::{Endpoint, Reach};

impl Inner {
    pub(super) fn set_reaches(&self, id: &str, reaches: &[Reach]) -> Result<()> {
        let (before, after) = {
            let mut state = self.state.lock();
            let mut before = None;
            let after = state.endpoints.change(id, |one| {
                before = (one.reaches != reaches).then(|| one.clone());
                one.reaches = reaches.to_vec();
            });
            let (Some(before), Some(after)) = (before, after) else { return Ok(()) };
            (before, after.clone())
        };
        self.store.put(&ENDPOINTS, id, &EndpointRecord::new(&after))?;
        let lost: Vec<Reach> = before.reaches.iter().filter(|one| !reaches.contains(one)).copied().collect();
        let won: Vec<Reach> = reaches.iter().filter(|one| !before.reaches.contains(one)).copied().collect();
        let entries = |reaches: &[Reach]| -> Vec<Entry> { firewall::reach_entries(&after, reaches) };
        self.apply(&entries(&won), &entries(&lost))
    }

    /// Takes from all others what they may reach of endpoints that go; gives those with what they have lost.
    pub(super) fn part(&self, leaving: &[Endpoint]) -> Vec<(Endpoint, Vec<Reach>)> {
        let mut state = self.state.lock();
        let gone = |one: &Endpoint, reach: &Reach| {
            leaving.iter().any(|other| {
                other.network_id == one.network_id && other.ipv4.is_some_and(|net| net.addr() == reach.to)
            })
        };
        let parted: Vec<(String, Vec<Reach>)> = state
            .endpoints
            .values()
            .filter(|one| leaving.iter().all(|other| other.id != one.id))
            .map(|one| (one, one.reaches.iter().filter(|reach| gone(one, reach)).copied().collect()))
            .filter(|(_, lost): &(&Endpoint, Vec<Reach>)| !lost.is_empty())
            .map(|(one, lost)| (one.id.clone(), lost))
            .collect();
        let part = |(id, lost): (String, Vec<Reach>)| {
            let left = state.endpoints.change(&id, |one| one.reaches.retain(|reach| !lost.contains(reach)));
            Some((left?.clone(), lost))
        };
        parted.into_iter().filter_map(part).collect()
    }
}
