//! Routes and ports of a running container whose networks change.

use errdefs::Result;

use super::Inner;
use super::attach::{default_routes, forget_datagrams};
use crate::firewall::{self, Entry};
use crate::netlink::Encoder;
use crate::schema::{ENDPOINTS, EndpointRecord};
use crate::{Endpoint, Families, Netns};

impl Inner {
    pub(super) fn share_routes(&self, netns: &Netns, shares: &[(String, Families)]) -> Result<()> {
        let mut batch = Encoder::new();
        let mut changed = Vec::new();
        {
            let mut state = self.state.lock();
            for (id, share) in shares {
                let mut gained = None;
                let endpoint = state.endpoints.change(id, |one| {
                    let before = std::mem::replace(&mut one.default_routes, *share);
                    gained = (before != *share).then_some(Families {
                        ipv4: share.ipv4 && !before.ipv4,
                        ipv6: share.ipv6 && !before.ipv6,
                    });
                });
                let (Some(endpoint), Some(gained)) = (endpoint, gained) else { continue };
                default_routes(&mut batch, endpoint, gained);
                changed.push(endpoint.clone());
            }
        }
        if changed.is_empty() {
            return Ok(());
        }
        self.write(&changed)?;
        netns.inside().route.run(batch, || "set default routes".to_owned())
    }

    pub(super) fn move_ports(&self, from: &str, to: &str) -> Result<()> {
        let (old, changed) = {
            let mut state = self.state.lock();
            let Some(old) = state.endpoints.values().find(|endpoint| endpoint.id == from).cloned() else {
                return Ok(());
            };
            state.ports.hand_over(from, to);
            let ports = old.ports.clone();
            let emptied = state.endpoints.change(from, |endpoint| endpoint.ports.clear()).cloned();
            let filled = state.endpoints.change(to, |endpoint| endpoint.ports = ports).cloned();
            (old, emptied.into_iter().chain(filled).collect::<Vec<_>>())
        };
        self.write(&changed)?;
        let removed = firewall::port_entries(&old);
        let added: Vec<Entry> = changed.iter().flat_map(firewall::port_entries).collect();
        self.apply(&added, &removed)?;
        forget_datagrams(&[old])
    }

    fn write(&self, endpoints: &[Endpoint]) -> Result<()> {
        self.store.transaction(|tx| {
            endpoints
                .iter()
                .try_for_each(|endpoint| tx.put(&ENDPOINTS, &endpoint.id, &EndpointRecord::new(endpoint)))
        })
    }
}
