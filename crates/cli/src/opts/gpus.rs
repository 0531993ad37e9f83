//! `--gpus`: device requests.

use api::StringMap;
use api::container::DeviceRequest;

use crate::flag;

/// Parses `all`, a count, or fields separated by commas.
pub(crate) fn parse(text: &str) -> Result<DeviceRequest, String> {
    let mut request = DeviceRequest { count: 1, ..DeviceRequest::default() };
    let mut capabilities: Vec<String> = Vec::new();
    let mut counted = false;
    let mut seen: Vec<String> = Vec::new();
    for field in flag::fields(text) {
        let (key, value) = field.split_once('=').unwrap_or((field.as_str(), ""));
        let name = if field.contains('=') { key } else { "count" };
        if seen.iter().any(|known| known == name) {
            return Err(format!("gpu request key '{name}' can be specified only once"));
        }
        seen.push(name.to_owned());
        if !field.contains('=') {
            request.count = count(key)?;
            counted = true;
            continue;
        }
        match key {
            "driver" => value.clone_into(&mut request.driver),
            "count" => {
                request.count = count(value)?;
                counted = true;
            }
            "device" => request.device_ids = Some(value.split(',').map(ToOwned::to_owned).collect()),
            "capabilities" => capabilities.extend(value.split(',').map(ToOwned::to_owned)),
            "options" => {
                let options: StringMap = value
                    .split(',')
                    .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .collect();
                request.options = Some(options);
            }
            _ => return Err(format!("unexpected key '{key}' in '{field}'")),
        }
    }
    if request.device_ids.is_some() && !counted {
        request.count = 0;
    }
    if !capabilities.iter().any(|capability| capability == "gpu") {
        capabilities.push("gpu".to_owned());
    }
    request.capabilities = Some(vec![capabilities]);
    request.options.get_or_insert_default();
    Ok(request)
}

fn count(text: &str) -> Result<i64, String> {
    if text == "all" {
        return Ok(-1);
    }
    text.parse().map_err(|_| {
        format!("invalid count ({text}): value must be either \"all\" or an integer: invalid syntax")
    })
}

/// Judges a request.
pub(crate) fn check(text: &str) -> Result<(), String> {
    parse(text).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        assert_eq!(parse("all").unwrap().count, -1);
        let request = parse("\"device=0,1\",capabilities=utility").unwrap();
        assert_eq!(request.count, 0);
        assert_eq!(request.device_ids.unwrap(), ["0", "1"]);
        assert_eq!(request.capabilities.unwrap(), [["utility", "gpu"]]);
        assert_eq!(
            parse("count=1,count=2").unwrap_err(),
            "gpu request key 'count' can be specified only once"
        );
        assert_eq!(parse("foo=bar").unwrap_err(), "unexpected key 'foo' in 'foo=bar'");
    }
}
