//! Container names: the rule for names a user gives, and names made up for containers that got none.
//!
//! A made-up name is `adjective_surname`. Six of them are tried, the later ones with a digit, then the short ID is
//! taken, as Docker does (it can only fail if a user gave that very name to another container).

use errdefs::Result;

const ADJECTIVES: &[&str] = &[
    "able", "airy", "amber", "apt", "ardent", "balmy", "blithe", "bold", "brave", "breezy", "bright",
    "brisk", "calm", "candid", "cheery", "chipper", "civil", "clear", "clever", "cosy", "crisp", "curious",
    "dapper", "daring", "deft", "earnest", "easy", "fair", "fleet", "fluent", "fond", "frank", "fresh",
    "frugal", "genial", "gentle", "glad", "golden", "handy", "hardy", "hearty", "humble", "ideal", "jaunty",
    "jolly", "keen", "kind", "lively", "loyal", "lucid", "mellow", "merry", "mild", "modest", "neat",
    "nimble", "noble", "open", "patient", "placid", "plucky", "polite", "prompt", "proud", "quick", "quiet",
    "rapid", "ready", "robust", "rustic", "sage", "sharp", "shiny", "silent", "silver", "sincere", "sleek",
    "smart", "snug", "sober", "solid", "spry", "stable", "steady", "stout", "subtle", "sunny", "sure",
    "swift", "tame", "tidy", "trim", "true", "trusty", "upbeat", "vivid", "warm", "wise", "witty", "zesty",
];

const SURNAMES: &[&str] = &[
    "abel",
    "airy",
    "ampere",
    "amundsen",
    "anning",
    "baird",
    "banks",
    "barents",
    "becquerel",
    "bering",
    "bernoulli",
    "bessel",
    "boole",
    "bose",
    "bragg",
    "brahe",
    "brunel",
    "cabot",
    "cartier",
    "cauchy",
    "cavendish",
    "celsius",
    "champlain",
    "chladni",
    "columbus",
    "cook",
    "coulomb",
    "dalton",
    "davis",
    "davy",
    "dias",
    "doppler",
    "drake",
    "edgeworth",
    "eratosthenes",
    "faraday",
    "fizeau",
    "flinders",
    "foucault",
    "fourier",
    "franklin",
    "fresnel",
    "frobisher",
    "fulton",
    "gadolin",
    "galton",
    "gauss",
    "germain",
    "gibbs",
    "halley",
    "hamilton",
    "harrison",
    "helmholtz",
    "henry",
    "herschel",
    "hertz",
    "hooke",
    "hudson",
    "humboldt",
    "huygens",
    "jacquard",
    "joule",
    "kirchhoff",
    "lagrange",
    "laplace",
    "lavoisier",
    "leavitt",
    "leibniz",
    "linnaeus",
    "lyell",
    "mackenzie",
    "magellan",
    "maury",
    "maxwell",
    "mendeleev",
    "mercator",
    "mitchell",
    "monge",
    "morse",
    "nansen",
    "napier",
    "nobile",
    "noether",
    "oersted",
    "ohm",
    "parry",
    "pascal",
    "peary",
    "planck",
    "poisson",
    "polo",
    "priestley",
    "ptolemy",
    "quetelet",
    "rankine",
    "riemann",
    "rontgen",
    "ross",
    "scheele",
    "scott",
    "shackleton",
    "siemens",
    "snell",
    "somerville",
    "stokes",
    "tasman",
    "telford",
    "thomson",
    "torricelli",
    "vancouver",
    "vespucci",
    "volta",
    "watt",
    "weddell",
    "wheatstone",
    "whitworth",
    "wren",
    "young",
    "zeppelin",
];

/// How many made-up names are tried before the short ID is taken.
const TRIES: u32 = 6;

/// The first made-up name that `reserve` takes, or the short ID.
///
/// # Errors
/// What `reserve` says to that.
pub(crate) fn choose(id: &str, reserve: impl Fn(&str) -> Result<()>) -> Result<String> {
    for attempt in 0..TRIES {
        let name = generate(attempt);
        if reserve(&name).is_ok() {
            return Ok(name);
        }
    }
    let name = short(id).to_owned();
    reserve(&name).map(|()| name)
}

/// A made-up name; `attempt` counts from zero, and from the second one on a digit is added.
fn generate(attempt: u32) -> String {
    let random = random_u64();
    let adjective = ADJECTIVES[(random % ADJECTIVES.len() as u64) as usize];
    let surname = SURNAMES[((random >> 24) % SURNAMES.len() as u64) as usize];
    if attempt == 0 {
        return format!("{adjective}_{surname}");
    }
    format!("{adjective}_{surname}{}", (random >> 56) % 10)
}

/// 64 random bits. Names and IDs need no secrecy, only that two daemons do not make the same ones.
fn random_u64() -> u64 {
    let mut bytes = [0u8; 8];
    fill_random(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// Fills `bytes` from the kernel.
fn fill_random(bytes: &mut [u8]) {
    let mut filled = 0;
    while filled < bytes.len() {
        // getrandom with no flags only fails by EINTR, and for these sizes not even by that.
        filled +=
            rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()).unwrap_or(0);
    }
}

/// A new container, exec or anonymous volume ID: 64 hexadecimal digits, of which the first twelve are never all
/// decimal, so that a short ID cannot be taken for a number by a host name rule.
pub(crate) fn new_id() -> String {
    loop {
        let mut bytes = [0u8; 32];
        fill_random(&mut bytes);
        let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        if !id[..12].bytes().all(|byte| byte.is_ascii_digit()) {
            return id;
        }
    }
}

/// Whether this is a full ID.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// The first twelve digits, as shown to people.
pub(crate) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// Checks a name given by a user and strips the leading slash that stored names have.
///
/// # Errors
/// Invalid parameter, in Docker's words, if the name does not match the rule.
pub(crate) fn check(name: &str) -> Result<&str> {
    let bare = name.strip_prefix('/').unwrap_or(name);
    let mut bytes = bare.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let rest = bytes.clone().next().is_some()
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    if first && rest {
        return Ok(bare);
    }
    Err(errdefs::invalid(format!(
        "Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule() {
        for good in ["ab", "a1", "A_b", "0.x", "a-b", "/ab"] {
            assert_eq!(check(good).unwrap(), good.trim_start_matches('/'), "{good}");
        }
        for bad in ["", "a", "_a", "-ab", ".ab", "a b", "a/b", "//ab", "ab\n", "é1", "/"] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_refusal_has_dockers_words() {
        assert_eq!(
            check("a b").unwrap_err().to_string(),
            "Invalid container name (a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        );
    }

    #[test]
    fn every_made_up_name_is_a_valid_one_and_none_repeats_a_word() {
        for adjective in ADJECTIVES {
            for surname in SURNAMES {
                assert!(check(&format!("{adjective}_{surname}")).is_ok());
            }
        }
        for list in [ADJECTIVES, SURNAMES] {
            assert!(list.windows(2).all(|pair| pair[0] < pair[1]), "sorted and unique");
        }
        assert!(check(&generate(0)).is_ok());
        assert!(generate(1).ends_with(|last: char| last.is_ascii_digit()));
    }

    #[test]
    fn semantics_62_after_six_taken_names_the_short_id_is_one() {
        let id = new_id();
        let asked = std::cell::RefCell::new(Vec::new());
        let taken = |after: usize| {
            asked.borrow_mut().clear();
            choose(&id, |name| {
                asked.borrow_mut().push(name.to_owned());
                if asked.borrow().len() > after { Ok(()) } else { Err(errdefs::conflict("taken")) }
            })
        };
        assert_eq!(taken(0).unwrap(), asked.borrow()[0]);
        assert!(asked.borrow()[0].bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase()));
        assert_eq!(taken(5).unwrap(), asked.borrow()[5]);
        assert_eq!(taken(6).unwrap(), short(&id));
        assert_eq!(asked.borrow().len(), 7);
        assert!(taken(7).is_err());
    }

    #[test]
    fn ids_are_64_hex_digits_and_differ() {
        let id = new_id();
        assert_eq!(id.len(), 64);
        assert!(id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)));
        assert_ne!(id, new_id());
        assert_eq!(short(&id).len(), 12);
    }
}
