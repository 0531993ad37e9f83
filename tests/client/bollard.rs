//! bollard, the Rust client that others build on: its typed answers fail on any field that is missing or of another type.

use std::collections::HashMap;
use std::pin::Pin;

use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use bollard::models::*;
use bollard::query_parameters::*;
use bollard::{API_DEFAULT_VERSION, Docker, body_full};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use testkit::Daemon;
use tokio::io::AsyncWriteExt as _;

type Result<T = ()> = std::result::Result<T, Error>;

/// How long a client waits for an answer, in seconds.
const PATIENCE: u64 = 60;

/// Runs `work` with a client of a private daemon.
fn with_client(work: impl AsyncFnOnce(&Docker) -> Result) {
    let daemon = Daemon::start();
    let socket = daemon.socket();
    let client = Docker::connect_with_unix(socket.to_str().expect("plain"), PATIENCE, API_DEFAULT_VERSION)
        .expect("a client");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime
        .block_on(async {
            let client = client.negotiate_version().await?;
            work(&client).await
        })
        .unwrap();
}

fn words(line: &str) -> Option<Vec<String>> {
    Some(line.split(' ').map(str::to_owned).collect())
}

fn filters(key: &str, value: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([(key.to_owned(), vec![value.to_owned()])])
}

async fn create(client: &Docker, name: &str, line: &str) -> Result<String> {
    let body = ContainerCreateBody {
        image: Some("busybox".to_owned()),
        cmd: Some(vec!["sh".to_owned(), "-c".to_owned(), line.to_owned()]),
        ..Default::default()
    };
    create_with(client, name, body).await
}

async fn create_with(client: &Docker, name: &str, body: ContainerCreateBody) -> Result<String> {
    let options = CreateContainerOptionsBuilder::new().name(name).build();
    Ok(client.create_container(Some(options), body).await?.id)
}

async fn run(client: &Docker, name: &str, line: &str) -> Result<String> {
    let id = create(client, name, line).await?;
    client.start_container(name, None).await?;
    Ok(id)
}

async fn text(output: impl Stream<Item = Result<LogOutput>>) -> Result<String> {
    let pieces: Vec<LogOutput> = output.try_collect().await?;
    Ok(pieces.iter().map(ToString::to_string).collect())
}

async fn bytes(stream: impl Stream<Item = Result<bytes::Bytes>>) -> Result<Vec<u8>> {
    stream.try_fold(Vec::new(), async |all, piece| Ok([all, piece.to_vec()].concat())).await
}

fn status<T: std::fmt::Debug>(result: Result<T>) -> u16 {
    match result {
        Err(Error::DockerResponseServerError { status_code, .. }) => status_code,
        other => panic!("expected an error of the engine, not {other:?}"),
    }
}

#[test]
fn the_life_of_a_container() {
    with_client(async |client| {
        let body = ContainerCreateBody {
            image: Some("busybox".to_owned()),
            cmd: words("sleep 1000"),
            env: words("A=1"),
            labels: Some(HashMap::from([("of".to_owned(), "bollard".to_owned())])),
            host_config: Some(HostConfig {
                memory: Some(64 << 20),
                cap_add: words("NET_ADMIN"),
                ..Default::default()
            }),
            ..Default::default()
        };
        let id = create_with(client, "cc", body).await?;
        client.start_container("cc", None).await?;
        let found = client.inspect_container("cc", None).await?;
        assert_eq!(found.id.as_deref(), Some(id.as_str()));
        let state = found.state.expect("a state");
        assert_eq!(state.status, Some(ContainerStateStatusEnum::RUNNING));
        assert_eq!(found.host_config.expect("a host configuration").memory, Some(64 << 20));
        let list = ListContainersOptionsBuilder::new().filters(&filters("label", "of=bollard")).build();
        let listed = client.list_containers(Some(list)).await?;
        assert_eq!(listed[0].names, Some(vec!["/cc".to_owned()]));
        let top = client.top_processes("cc", None::<TopOptions>).await?;
        assert!(top.processes.expect("processes")[0].iter().any(|cell| cell.contains("sleep")));
        let stream = StatsOptionsBuilder::new().stream(true).build();
        let samples: Vec<_> = client.stats("cc", Some(stream)).take(2).try_collect().await?;
        assert!(samples[1].cpu_stats.is_some() && samples[1].memory_stats.is_some());
        let update =
            ContainerUpdateBody { memory: Some(32 << 20), memory_swap: Some(-1), ..Default::default() };
        client.update_container("cc", update).await?;
        client.pause_container("cc").await?;
        assert_eq!(status(client.pause_container("cc").await), 409);
        client.unpause_container("cc").await?;
        client.rename_container("cc", RenameContainerOptionsBuilder::new().name("dd").build()).await?;
        client.restart_container("dd", Some(RestartContainerOptionsBuilder::new().t(0).build())).await?;
        client.kill_container("dd", Some(KillContainerOptionsBuilder::new().signal("KILL").build())).await?;
        let ended: Vec<_> = client.wait_container("dd", None::<WaitContainerOptions>).collect().await;
        assert!(matches!(ended[0], Err(Error::DockerContainerWaitError { code: 137, .. })), "{ended:?}");
        client.start_container("dd", None).await?;
        client.stop_container("dd", Some(StopContainerOptionsBuilder::new().t(0).build())).await?;
        assert_eq!(status(client.inspect_container("cc", None).await), 404);
        client.remove_container("dd", None).await?;
        assert_eq!(status(client.remove_container("dd", None).await), 404);
        create(client, "idle", "true").await?;
        let pruned = client.prune_containers(None::<PruneContainersOptions>).await?;
        assert_eq!(pruned.containers_deleted.expect("a list").len(), 1);
        Ok(())
    });
}

#[test]
fn attach_logs_and_exec() {
    with_client(async |client| {
        let body = ContainerCreateBody {
            image: Some("busybox".to_owned()),
            cmd: words("cat"),
            open_stdin: Some(true),
            stdin_once: Some(true),
            ..Default::default()
        };
        create_with(client, "cat", body).await?;
        let attach = AttachContainerOptionsBuilder::new().stdin(true).stdout(true).stderr(true).stream(true);
        let mut attached = client.attach_container("cat", Some(attach.build())).await?;
        client.start_container("cat", None).await?;
        attached.input.write_all(b"through\n").await.expect("write");
        attached.input.shutdown().await.expect("close");
        assert_eq!(text(attached.output).await?, "through\n");

        run(client, "talker", "echo out; echo err >&2; exec sleep 1000").await?;
        let logs = LogsOptionsBuilder::new().stdout(true).stderr(true).follow(true).build();
        let pieces: Vec<_> = client.logs("talker", Some(logs)).take(2).try_collect().await?;
        assert!(pieces.iter().any(|piece| matches!(piece, LogOutput::StdErr { .. })), "{pieces:?}");
        let tail = LogsOptionsBuilder::new().stdout(true).tail("2").timestamps(true).build();
        assert!(text(client.logs("talker", Some(tail))).await?.ends_with("Z out\n"));

        for tty in [false, true] {
            let exec = CreateExecOptions {
                attach_stdout: Some(true),
                attach_stderr: Some(true),
                tty: Some(tty),
                cmd: Some(vec!["sh", "-c", "echo $((6 * 7)); exit 3"]),
                ..Default::default()
            };
            let id = client.create_exec("talker", exec).await?.id;
            let start = StartExecOptions { tty, ..Default::default() };
            let StartExecResults::Attached { output, .. } = client.start_exec(&id, Some(start)).await? else {
                panic!("not attached");
            };
            assert_eq!(text(output).await?, if tty { "42\r\n" } else { "42\n" });
            assert_eq!(client.inspect_exec(&id).await?.exit_code, Some(3));
        }
        let exec = CreateExecOptions { cmd: Some(vec!["true"]), ..Default::default() };
        let id = client.create_exec("talker", exec).await?.id;
        client.start_exec(&id, Some(StartExecOptions { detach: true, ..Default::default() })).await?;
        Ok(())
    });
}

#[test]
fn files_go_in_and_come_out() {
    with_client(async |client| {
        create(client, "cc", "cat /tmp/name; echo; exec sleep 1000").await?;
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(5);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, "name", &b"hello"[..]).expect("an archive in memory");
        let archive = archive.into_inner().expect("an archive in memory");
        let to = UploadToContainerOptionsBuilder::new().path("/tmp").build();
        client.upload_to_container("cc", Some(to), body_full(archive.into())).await?;
        let from = DownloadFromContainerOptionsBuilder::new().path("/tmp/name").build();
        let out = bytes(client.download_from_container("cc", Some(from))).await?;
        assert!(out.windows(5).any(|window| window == b"hello"));
        let changes = client.container_changes("cc").await?.expect("changes");
        assert!(changes.iter().any(|change| change.path == "/tmp/name"), "{changes:?}");
        assert!(bytes(client.export_container("cc")).await?.len() > 1 << 20);
        client.start_container("cc", None).await?;
        let logs = LogsOptionsBuilder::new().stdout(true).follow(true).build();
        let first: Vec<_> = client.logs("cc", Some(logs)).take(1).try_collect().await?;
        assert_eq!(first[0].to_string(), "hello\n");
        Ok(())
    });
}

#[test]
fn images() {
    with_client(async |client| {
        let image = client.inspect_image("busybox").await?;
        let id = image.id.expect("an ID");
        assert_eq!(client.list_images(None::<ListImagesOptions>).await?[0].id, id);
        assert_eq!(client.image_history("busybox").await?.len(), 1);
        client
            .tag_image("busybox", Some(TagImageOptionsBuilder::new().repo("mine").tag("1").build()))
            .await?;
        create(client, "cc", "true").await?;
        let commit = CommitContainerOptionsBuilder::new().container("cc").repo("mine").tag("2").build();
        let config = ContainerConfig { env: words("B=2"), ..Default::default() };
        client.commit_container(commit, config).await?;
        let config = client.inspect_image("mine:2").await?.config.expect("a configuration");
        assert!(config.env.expect("an environment").contains(&"B=2".to_owned()));
        let archive = bytes(client.export_image("mine:2")).await?;
        let removed = client.remove_image("mine:2", None::<RemoveImageOptions>, None).await?;
        assert_eq!(removed[0].untagged.as_deref(), Some("mine:2"));
        let load = ImportImageOptionsBuilder::new().build();
        let told: Vec<_> = client.import_image(load, body_full(archive.into()), None).try_collect().await?;
        assert!(told.iter().any(|line| format!("{line:?}").contains("Loaded image: mine:2")), "{told:?}");
        assert_eq!(status(client.inspect_image("nothing").await), 404);
        client.prune_images(None::<PruneImagesOptions>).await?;
        Ok(())
    });
}

#[test]
fn volumes_and_networks() {
    with_client(async |client| {
        let labels = HashMap::from([("of".to_owned(), "bollard".to_owned())]);
        let request = VolumeCreateRequest {
            name: Some("vol".to_owned()),
            labels: Some(labels.clone()),
            ..Default::default()
        };
        assert_eq!(client.create_volume(request).await?.driver, "local");
        assert_eq!(client.inspect_volume("vol").await?.labels, labels);
        let list = ListVolumesOptionsBuilder::new().filters(&filters("name", "vol")).build();
        assert_eq!(client.list_volumes(Some(list)).await?.volumes.expect("a list").len(), 1);
        client.remove_volume("vol", None::<RemoveVolumeOptions>).await?;
        client.prune_volumes(None::<PruneVolumesOptions>).await?;

        let request =
            NetworkCreateRequest { name: "net".to_owned(), labels: Some(labels), ..Default::default() };
        let id = client.create_network(request).await?.id;
        run(client, "cc", "exec sleep 1000").await?;
        let endpoint = EndpointSettings { aliases: words("other"), ..Default::default() };
        let connect = NetworkConnectRequest { container: "cc".to_owned(), endpoint_config: Some(endpoint) };
        client.connect_network("net", connect).await?;
        let found = client.inspect_network("net", None::<InspectNetworkOptions>).await?;
        assert_eq!((found.id, found.containers.expect("containers").len()), (Some(id), 1));
        let disconnect = NetworkDisconnectRequest { container: "cc".to_owned(), force: None };
        client.disconnect_network("net", disconnect).await?;
        let list = ListNetworksOptionsBuilder::new().filters(&filters("label", "of=bollard")).build();
        assert_eq!(client.list_networks(Some(list)).await?.len(), 1);
        client.remove_network("net").await?;
        client.prune_networks(None::<PruneNetworksOptions>).await?;
        Ok(())
    });
}

#[test]
fn the_engine_about_itself() {
    with_client(async |client| {
        assert_eq!(client.ping().await?, "OK");
        assert_eq!(client.version().await?.api_version.as_deref(), Some("1.51"));
        assert_eq!(client.info().await?.images, Some(1));
        // From the beginning: the stream may be there only after the first events.
        let options = EventsOptionsBuilder::new().since("1").filters(&filters("container", "cc")).build();
        let mut events: Pin<Box<dyn Stream<Item = Result<EventMessage>>>> =
            Box::pin(client.events(Some(options)));
        // The stream is asked for when it is first polled: here together with what makes the first event.
        let (first, made) = futures_util::join!(events.next(), run(client, "cc", "exit 4"));
        made?;
        let mut actions = vec![first.expect("an event")?.action];
        while actions.last().is_some_and(|last| last.as_deref() != Some("die")) {
            actions.push(events.next().await.expect("an event")?.action);
        }
        let actions: Vec<_> = actions.into_iter().flatten().collect();
        assert_eq!(actions, ["create", "start", "die"]);
        client.df(None::<DataUsageOptions>).await?;
        Ok(())
    });
}
