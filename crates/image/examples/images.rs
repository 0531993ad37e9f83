//! Images by hand, without a daemon: `images DIR pull|push|save|load|import|ls|rmi ARGUMENT...`.
//!
//! For comparing with other engines and for measuring; what it prints is what `docker` prints.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use content::Content;
use distribution::{Auth, Cancel, Client, Config, Event};
use errdefs::{Context, Result};
use image::{
    Images, ImportRequest, ListFilter, LoadRequest, PullRequest, PushRequest, RemoveRequest, SaveRequest,
};
use oci::platform::Platform;
use oci::reference::Reference;
use snapshot::Snapshots;
use store::Store;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let Err(error) = run(&arguments) {
        eprintln!("Error response from daemon: {error}");
        std::process::exit(1);
    }
}

fn open(dir: &Path) -> Result<Images> {
    std::fs::create_dir_all(dir).context(|| format!("mkdir {}", dir.display()))?;
    let store = Arc::new(Store::open(&dir.join("db"))?);
    let content = Content::open(&dir.join("content"))?;
    let snapshots = Snapshots::open(&dir.join("snapshots"))?;
    let images = Images::open(store, content, snapshots.clone(), Arc::new(Client::new(Config::default())))?;
    images.collect()?;
    snapshots.empty_trash()?;
    Ok(images)
}

fn print(event: Event) {
    let text = event.status.text();
    if event.status.counts().is_some() {
        return;
    }
    let id = if event.id.is_empty() { String::new() } else { format!("{}: ", event.id) };
    println!("{id}{}", text.trim_end());
}

fn run(arguments: &[&str]) -> Result<()> {
    let [dir, verb, rest @ ..] = arguments else {
        return Err(errdefs::invalid("images DIR VERB ARGUMENT..."));
    };
    let images = open(Path::new(dir))?;
    match (*verb, rest) {
        ("pull", [name, platform @ ..]) => {
            let platform = platform.first().map(|platform| Platform::parse(platform)).transpose()?;
            let reference = Reference::parse(name)?.tag_or_latest();
            let request = PullRequest { reference, all_tags: false, platform, auth: Auth::anonymous() };
            images.pull(&request, &print, &Cancel::new()).map(drop)
        }
        ("push", [name]) => {
            let request = PushRequest {
                reference: Reference::parse(name)?.tag_or_latest(),
                all_tags: false,
                auth: Auth::anonymous(),
            };
            images.push(&request, &print, &Cancel::new())
        }
        ("save", [names @ .., path]) => {
            let mut file = std::io::BufWriter::new(File::create(path).context(|| format!("create {path}"))?);
            let names = names.iter().map(ToString::to_string).collect();
            images.save(&SaveRequest { names }, &mut file)?;
            file.flush().context(|| format!("write {path}"))
        }
        ("load", [path]) => {
            let mut file = File::open(path).context(|| format!("open {path}"))?;
            images.load(&LoadRequest::default(), &mut file, &print).map(drop)
        }
        ("import", [path, name]) => {
            let mut file = File::open(path).context(|| format!("open {path}"))?;
            let request =
                ImportRequest { reference: Some(Reference::parse(name)?), ..ImportRequest::default() };
            images.import(&request, &mut file, &print).map(drop)
        }
        ("tag", [from, to]) => images.tag(from, &Reference::parse(to)?).map(drop),
        ("ls", []) => {
            for image in images.list(&ListFilter::default())? {
                println!(
                    "{} {} {:?} {:?}",
                    image.id.short(),
                    image.size,
                    image.repo_tags,
                    image.repo_digests
                );
            }
            Ok(())
        }
        ("rmi", [name]) => {
            let request = RemoveRequest { name: (*name).to_owned(), ..RemoveRequest::default() };
            for deleted in images.remove(&request, &|_| Vec::new())? {
                println!("{deleted:?}");
            }
            Ok(())
        }
        _ => Err(errdefs::invalid("unknown verb or wrong number of arguments")),
    }
}
