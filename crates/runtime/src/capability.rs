//! Capabilities: names to bits, and giving up all that the process is not to have.

use oci::runtime::CAPABILITIES as NAMES;
use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, configure_capability_in_ambient_set,
    remove_capability_from_bounding_set, set_capabilities,
};

use crate::plan::Capabilities;

/// The bit of a capability by its name, with or without `CAP_`, in any case.
pub(crate) fn bit(name: &str) -> Option<u64> {
    let name = name.to_ascii_uppercase();
    let full = if name.starts_with("CAP_") { name } else { format!("CAP_{name}") };
    NAMES.iter().position(|known| *known == full).map(|number| 1 << number)
}

/// Removes from the bounding set what is not in `keep`. Needs `CAP_SETPCAP`, so it comes first.
pub(crate) fn bound(keep: u64) -> Result<(), Errno> {
    for number in 0..64 {
        let one = 1_u64 << number;
        if keep & one != 0 {
            continue;
        }
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(one)) {
            // The first number the kernel does not know: it knows none above.
            Err(Errno::INVAL) => break,
            other => other?,
        }
    }
    Ok(())
}

/// Puts the sets in force. What the caller itself does not have cannot be given and is left out, as runc does.
pub(crate) fn apply(wanted: &Capabilities) -> Result<(), Errno> {
    let have = rustix::thread::capabilities(None)?.permitted.bits();
    let set = |bits: u64| CapabilitySet::from_bits_retain(bits & have);
    set_capabilities(
        None,
        CapabilitySets {
            effective: set(wanted.effective & wanted.permitted),
            permitted: set(wanted.permitted),
            inheritable: set(wanted.inheritable),
        },
    )?;
    clear_ambient_capability_set()?;
    for number in 0..NAMES.len() {
        let one = 1_u64 << number;
        if wanted.ambient & wanted.permitted & wanted.inheritable & have & one != 0 {
            configure_capability_in_ambient_set(CapabilitySet::from_bits_retain(one), true)?;
        }
    }
    Ok(())
}

/// Puts these in force and keeps everything permitted, between giving up identity and giving up capabilities.
pub(crate) fn set_effective(effective: u64) -> Result<(), Errno> {
    let sets = rustix::thread::capabilities(None)?;
    let effective = CapabilitySet::from_bits_retain(effective & sets.permitted.bits());
    set_capabilities(None, CapabilitySets { effective, ..sets })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_kernels_numbers() {
        for (name, number) in
            [("CAP_CHOWN", 0), ("CAP_SYS_ADMIN", 21), ("net_raw", 13), ("CAP_CHECKPOINT_RESTORE", 40)]
        {
            assert_eq!(bit(name), Some(1 << number), "{name}");
        }
        assert_eq!(bit("CAP_NO_SUCH"), None);
        assert_eq!(bit(""), None);
    }
}
