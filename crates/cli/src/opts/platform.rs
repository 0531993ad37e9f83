//! `--platform`.

use crate::failure::{Failure, Outcome};

/// Parses `os[/arch[/variant]]`.
pub(crate) fn parse(text: &str) -> Outcome<api::image::Platform> {
    let platform = oci::platform::Platform::parse(text)
        .map_err(|error| Failure::new(format!("invalid platform: {error}")))?;
    Ok(api::image::Platform {
        architecture: platform.architecture,
        os: platform.os,
        variant: platform.variant,
        ..api::image::Platform::default()
    })
}
