//! Changing limits and restart policy of a container, also of a running one (semantics 68).

use api::container::{Resources, UpdateRequest, UpdateResponse};
use errdefs::{Class, Error, Result, conflict};

use super::spec::resources;
use super::state::Phase;
use super::{Containers, exit, validate};

impl Containers {
    /// Changes limits and restart policy.
    ///
    /// # Errors
    /// InvalidParameter for nonsense; Conflict in states that do not allow it.
    pub fn update(&self, reference: &str, request: UpdateRequest) -> Result<UpdateResponse> {
        let shared = &self.shared;
        let mut wanted = request.resources;
        validate::restart_policy(&request.restart_policy)?;
        let warnings = resources::check(&mut wanted, &shared.abilities, true)?;
        let container = shared.registry.find(reference)?;
        let _operation = container.operation.lock();
        let record = container.record();
        let what = |text: &str| conflict(format!("Cannot update container {}: {text}", container.id));
        match record.state.phase {
            Phase::Removing | Phase::Dead => {
                return Err(what("Container is marked for removal and cannot be \"update\"."));
            }
            Phase::Restarting => {
                return Err(what("Container is restarting, wait until the container is running"));
            }
            _ => {}
        }
        if exit::restarts(&request.restart_policy) && record.auto_remove {
            return Err(what(
                "Restart policy cannot be updated because AutoRemove is enabled for the container",
            ));
        }
        cpus(&record.host.resources, &wanted).map_err(|text| what(&text))?;
        let mut merged = record.host.resources.clone();
        merge(&mut merged, &wanted);
        // Docker compares with what is set, which is 0 where nothing is.
        if wanted.memory > record.host.resources.memory_swap && wanted.memory_swap == 0 {
            return Err(what(
                "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
            ));
        }
        if record.state.phase.has_process() {
            let limits = runtime::compile::compile_limits(&resources::to_oci(&merged)?)?;
            container.handle()?.update(limits).map_err(|error| match error.class() {
                Class::Conflict => what(&error.to_string()),
                class => {
                    // Docker shows what its runtime has written.
                    let words = "runc did not terminate successfully: exit status 1";
                    Error::new(class, format!("Cannot update container {}: {words}: {error}\n", container.id))
                }
            })?;
        }
        // No limit is told as 0.
        merged.pids_limit = merged.pids_limit.map(|limit| limit.max(0));
        let record = shared.change(&container, |record| {
            record.host.resources = merged;
            if !request.restart_policy.name.is_empty() {
                record.host.restart_policy = request.restart_policy.clone();
            }
        })?;
        shared.tell(&record, "update", &[]);
        Ok(UpdateResponse { warnings: (!warnings.is_empty()).then_some(warnings) })
    }
}

/// Both forms of the same limit cannot be set.
fn cpus(have: &Resources, wanted: &Resources) -> std::result::Result<(), String> {
    let cannot = |one: &str, other: &str| {
        Err(format!("Conflicting options: {one} cannot be updated as {other} has already been set"))
    };
    match () {
        () if wanted.nano_cpus > 0 && have.cpu_period > 0 => cannot("Nano CPUs", "CPU Period"),
        () if wanted.nano_cpus > 0 && have.cpu_quota > 0 => cannot("Nano CPUs", "CPU Quota"),
        () if wanted.cpu_period > 0 && have.nano_cpus > 0 => cannot("CPU Period", "NanoCPUs"),
        () if wanted.cpu_quota > 0 && have.nano_cpus > 0 => cannot("CPU Quota", "NanoCPUs"),
        () => Ok(()),
    }
}

/// Lays what is asked for over what is; zero means "as it is".
fn merge(have: &mut Resources, wanted: &Resources) {
    fn number<T: Copy + Default + PartialEq>(have: &mut T, wanted: T) {
        if wanted != T::default() {
            *have = wanted;
        }
    }
    fn text(have: &mut String, wanted: &str) {
        if !wanted.is_empty() {
            wanted.clone_into(have);
        }
    }
    number(&mut have.cpu_shares, wanted.cpu_shares);
    number(&mut have.memory, wanted.memory);
    number(&mut have.nano_cpus, wanted.nano_cpus);
    number(&mut have.blkio_weight, wanted.blkio_weight);
    number(&mut have.cpu_period, wanted.cpu_period);
    number(&mut have.cpu_quota, wanted.cpu_quota);
    number(&mut have.cpu_realtime_period, wanted.cpu_realtime_period);
    number(&mut have.cpu_realtime_runtime, wanted.cpu_realtime_runtime);
    number(&mut have.memory_reservation, wanted.memory_reservation);
    number(&mut have.memory_swap, wanted.memory_swap);
    text(&mut have.cpuset_cpus, &wanted.cpuset_cpus);
    text(&mut have.cpuset_mems, &wanted.cpuset_mems);
    if let Some(limit) = wanted.pids_limit {
        have.pids_limit = if limit > 0 { Some(limit) } else { Some(-1) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_keeps_what_is() {
        let mut have = Resources { memory: 5, cpu_quota: 7, cpu_period: 8, ..Resources::default() };
        merge(&mut have, &Resources { cpu_quota: 9, pids_limit: Some(0), ..Resources::default() });
        assert_eq!((have.memory, have.cpu_quota, have.cpu_period), (5, 9, 8));
        assert_eq!(have.pids_limit, Some(-1));
    }

    #[test]
    fn cpus_and_quota_exclude_each_other() {
        let quota = Resources { cpu_quota: 7, ..Resources::default() };
        let nano = Resources { nano_cpus: 9, ..Resources::default() };
        assert_eq!(
            cpus(&quota, &nano).unwrap_err(),
            "Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set"
        );
        assert_eq!(
            cpus(&nano, &quota).unwrap_err(),
            "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set"
        );
        cpus(&quota, &quota).unwrap();
        cpus(&Resources::default(), &nano).unwrap();
    }
}
