//! Docker's content trust: signatures of images by a notary. They cannot be checked here, so whoever asks for them is
//! refused instead of being given what nobody has checked.

use crate::environment;
use crate::failure::{Failure, Outcome};
use crate::flag::{Parsed, parse_bool};

/// Refuses to go on if signatures are asked for, by the flag or else by the environment.
pub(crate) fn refuse(parsed: &Parsed) -> Outcome {
    let asked = if parsed.given("disable-content-trust") {
        !parsed.on("disable-content-trust")
    } else {
        // Whatever is not a plain "no" is a "yes".
        environment::get("DOCKER_CONTENT_TRUST").is_some_and(|text| parse_bool(&text) != Ok(false))
    };
    if asked {
        return Err(Failure::new(
            "Error: content trust is not supported: signatures of images cannot be checked (unset DOCKER_CONTENT_TRUST, or \
             name the image by its digest)",
        ));
    }
    Ok(())
}
