//! Reading and writing manifests and tag lists, every byte checked against its digest.

use errdefs::Error;
use oci::digest::Digest;
use oci::manifest::{Document, media_type};
use oci::platform::Platform;
use oci::reference::Reference;
use serde::Deserialize;
use ureq::http::{Method, Uri};

use crate::failure::{Failure, Refusal};
use crate::limits;
use crate::session::{Call, Payload, Session, resolve};

/// Every kind of manifest and index that we read.
fn accept() -> String {
    [
        media_type::OCI_MANIFEST,
        media_type::OCI_INDEX,
        media_type::DOCKER_MANIFEST,
        media_type::DOCKER_INDEX,
        // Never used, but asked for: a registry that has nothing else then says so instead of inventing something.
        media_type::DOCKER_SCHEMA1_SIGNED,
    ]
    .join(", ")
}

/// A manifest or index as the registry sent it.
#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
    pub(crate) document: Document,
}

impl Fetched {
    /// Reads bytes that are known to be right: their digest was computed from them or checked.
    pub(crate) fn parse(bytes: Vec<u8>, content_type: Option<&str>) -> Result<Self, Error> {
        let digest = Digest::of(&bytes);
        let document = Document::parse(&bytes, content_type)?;
        let inner = match &document {
            Document::Manifest(manifest) => manifest.media_type.clone(),
            Document::Index(index) => index.media_type.clone(),
        };
        let given = content_type.map(|given| given.split(';').next().unwrap_or_default().trim().to_owned());
        let fallback = match &document {
            Document::Manifest(_) => media_type::OCI_MANIFEST,
            Document::Index(_) => media_type::OCI_INDEX,
        };
        let known = |media: &String| media_type::is_manifest(media) || media_type::is_index(media);
        let media_type = inner.or(given).filter(known).unwrap_or_else(|| fallback.to_owned());
        Ok(Self { bytes, digest, media_type, document })
    }
}

/// What a `HEAD` of a manifest told. A hint: nothing is believed from it.
#[derive(Debug, Clone)]
pub(crate) struct Hint {
    pub(crate) digest: Option<Digest>,
    pub(crate) media_type: Option<String>,
}

impl Session<'_> {
    /// Which digest the registry claims a tag has now; cheap, and not counted by registries that limit pulls.
    pub(crate) fn head_manifest(&self, reference: &str) -> Result<Hint, Failure> {
        let mut call = Call::new(Method::HEAD, self.url(&format!("manifests/{reference}")));
        call.headers.push(("Accept", accept()));
        let answer = self.call(&call)?;
        Ok(Hint {
            digest: answer.header("Docker-Content-Digest").and_then(|digest| digest.parse().ok()),
            media_type: answer.header("Content-Type").map(str::to_owned),
        })
    }

    /// The manifest of a tag, or of a digest if `expected`, which the bytes must then have.
    pub(crate) fn get_manifest(
        &self,
        reference: &str,
        expected: Option<&Digest>,
    ) -> Result<Fetched, Failure> {
        let mut call = Call::new(Method::GET, self.url(&format!("manifests/{reference}")));
        call.headers.push(("Accept", accept()));
        let fetch = |_| {
            let answer = self.attempt(&call)?;
            let content_type = answer.header("Content-Type").map(str::to_owned);
            let bytes = answer.bytes(limits::MANIFEST_MAX, "manifest")?;
            Ok((bytes, content_type))
        };
        let (bytes, content_type) = self.retry(fetch, Failure::may_pass)?;
        if let Some(expected) = expected {
            let digest = Digest::of(&bytes);
            if digest != *expected {
                return Err(Failure::Final(errdefs::system(format!(
                    "manifest verification failed for digest {expected}: the registry sent {digest}"
                ))));
            }
        }
        let known = content_type.as_deref().filter(|given| !given.starts_with("application/json"));
        Ok(Fetched::parse(bytes, known.filter(|given| !given.starts_with("text/")))?)
    }

    /// Puts a manifest under a tag or digest.
    pub(crate) fn put_manifest(
        &self,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<(), Failure> {
        let mut call = Call::new(Method::PUT, self.url(&format!("manifests/{reference}")));
        call.headers.push(("Content-Type", media_type.to_owned()));
        call.payload = Payload::Bytes(bytes);
        self.call(&call).map(|_| ())
    }

    /// All tags of the repository.
    pub(crate) fn tags(&self) -> Result<Vec<String>, Failure> {
        #[derive(Deserialize)]
        struct Page {
            tags: Option<Vec<String>>,
        }
        let mut url = self.url("tags/list");
        let mut tags: Vec<String> = Vec::new();
        loop {
            let answer = self.call(&Call::new(Method::GET, url.clone()))?;
            let next = answer.header("Link").and_then(next_link).map(str::to_owned);
            let bytes = answer.bytes(limits::TAGS_PAGE_MAX, "tag list")?;
            let page: Page = serde_json::from_slice(&bytes)
                .map_err(|error| errdefs::system(format!("unable to decode tag list: {error}")))?;
            let page = page.tags.unwrap_or_default();
            // A page without tags would let a registry keep us here for ever.
            let more = !page.is_empty();
            tags.extend(page);
            if tags.len() > limits::TAGS_MAX {
                return Err(errdefs::invalid(format!(
                    "the repository has more than {} tags",
                    limits::TAGS_MAX
                ))
                .into());
            }
            let Some(next) = next.filter(|_| more) else { return Ok(tags) };
            let base: Uri = url.parse().map_err(|_| errdefs::system("invalid URL of a tag list"))?;
            let target = resolve(&base, &next)?;
            if !self.is_own(&target) {
                return Err(errdefs::forbidden("the registry's next page of tags is on another host").into());
            }
            url = target.to_string();
        }
    }
}

/// The target of `<target>; rel="next"`.
fn next_link(header: &str) -> Option<&str> {
    let (target, parameters) = header.trim().strip_prefix('<')?.split_once('>')?;
    let next = parameters.split(';').any(|parameter| matches!(parameter.trim(), "rel=\"next\"" | "rel=next"));
    next.then_some(target)
}

/// Docker's text for a manifest that cannot be had.
pub(crate) fn translate(failure: Failure, reference: &Reference) -> Error {
    let Failure::Refused(refusal) = failure else { return failure.into() };
    let familiar = reference.familiar();
    match refusal.code.as_str() {
        "DENIED" | "UNAUTHORIZED" => denied(&refusal, reference),
        "MANIFEST_UNKNOWN" => {
            errdefs::not_found(format!("manifest for {familiar} not found: {}", refusal.text()))
        }
        "NAME_UNKNOWN" => errdefs::not_found(format!(
            "repository {} not found: {}",
            reference.familiar_name(),
            refusal.text()
        )),
        "UNKNOWN" if refusal.status == 404 => errdefs::not_found(format!(
            "manifest for {familiar} not found: manifest unknown: {}",
            refusal.message
        )),
        _ => refusal.into_error(),
    }
}

/// Only a denial is "pull access denied"; wrong credentials are told as they are.
fn denied(refusal: &Refusal, reference: &Reference) -> Error {
    if refusal.code == "UNAUTHORIZED" {
        return errdefs::unauthorized(refusal.text());
    }
    errdefs::not_found(format!(
        "pull access denied for {}, repository does not exist or may require 'docker login': {}",
        reference.familiar_name(),
        refusal.text()
    ))
}

/// `no matching manifest for linux/arm64/v8 in the manifest list entries`.
pub(crate) fn no_match(platform: &Platform) -> Error {
    let mut shown = platform.clone();
    // Docker fills in the variant that arm64 always has.
    if shown.architecture == "arm64" && shown.variant.is_empty() {
        shown.variant = "v8".to_owned();
    }
    let variant = if shown.variant.is_empty() { String::new() } else { format!("/{}", shown.variant) };
    errdefs::not_found(format!(
        "no matching manifest for {}/{}{variant} in the manifest list entries",
        shown.os, shown.architecture
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_links() {
        assert_eq!(
            next_link(r#"</v2/x/tags/list?last=a&n=2>; rel="next""#),
            Some("/v2/x/tags/list?last=a&n=2")
        );
        assert_eq!(next_link(r#"</v2/x>; rel="prev""#), None);
        assert_eq!(next_link("nonsense"), None);
    }

    #[test]
    fn texts_are_dockers() {
        let reference = Reference::parse("127.0.0.1:5055/bb:nosuch").unwrap();
        let translated = |status, body: &str, denied| {
            translate(Failure::Refused(Refusal::parse(status, body.as_bytes(), denied, None)), &reference)
                .to_string()
        };
        assert_eq!(
            translated(
                404,
                r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#,
                false
            ),
            "manifest for 127.0.0.1:5055/bb:nosuch not found: manifest unknown: manifest unknown"
        );
        assert_eq!(
            translated(401, "", true),
            "pull access denied for 127.0.0.1:5055/bb, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"
        );
        assert_eq!(
            no_match(&Platform::new("linux", "arm64")).to_string(),
            "no matching manifest for linux/arm64/v8 in the manifest list entries"
        );
        assert_eq!(
            no_match(&Platform::new("linux", "amd64")).to_string(),
            "no matching manifest for linux/amd64 in the manifest list entries"
        );
    }
}
