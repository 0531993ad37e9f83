//! When the status of a long answer is decided, and how later failures are told.

use std::io::{Read as _, Write as _};

use hyper::Response;

use super::*;

async fn text(response: Response<Body>) -> String {
    let Body::Stream(first, mut rest) = response.into_body() else { return String::new() };
    let mut bytes = first.to_vec();
    while let Some(piece) = rest.recv().await {
        bytes.extend_from_slice(&piece);
    }
    String::from_utf8(bytes).unwrap()
}

fn status(text: &str) -> ProgressMessage {
    ProgressMessage { status: text.to_owned(), ..ProgressMessage::default() }
}

#[tokio::test]
async fn a_failure_before_the_first_byte_has_its_own_status() {
    let error =
        produce("application/json", Late::Progress, |_| Err(errdefs::not_found("no"))).await.err().unwrap();
    assert_eq!(error.class(), errdefs::Class::NotFound);
}

#[tokio::test]
async fn a_later_failure_is_told_in_the_stream() {
    let work = |sink: &mut Sink| {
        sink.line(&status("one"))?;
        Err(errdefs::not_found("no"))
    };
    let response = produce("application/json", Late::Progress, work).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let expected = "{\"status\":\"one\"}\r\n{\"errorDetail\":{\"message\":\"no\"},\"error\":\"no\"}\r\n";
    assert_eq!(text(response).await, expected);
}

#[tokio::test]
async fn an_archive_comes_whole_and_in_large_pieces() {
    let work = |sink: &mut Sink| {
        for _ in 0..PIECE {
            sink.write_all(b"abcd")?;
        }
        Ok(())
    };
    let response = produce("application/x-tar", Late::CutOff, work).await.unwrap();
    let Body::Stream(first, _) = response.body() else { panic!("no stream") };
    assert_eq!(first.len(), PIECE);
    assert_eq!(text(response).await, "abcd".repeat(PIECE));
}

#[tokio::test]
async fn work_without_output_is_an_empty_answer_and_a_panic_an_error() {
    let response = produce("application/json", Late::Progress, |_| Ok(())).await.unwrap();
    assert_eq!((response.status(), text(response).await.as_str()), (StatusCode::OK, ""));
    let failed = produce("application/json", Late::Progress, |_| panic!("broken")).await;
    assert_eq!(failed.err().unwrap().class(), errdefs::Class::System);
}

#[tokio::test]
async fn a_client_that_is_gone_ends_the_work() {
    let (ended, wait) = tokio::sync::oneshot::channel();
    let work = move |sink: &mut Sink| {
        let failed = loop {
            if let Err(error) = sink.line(&status("more")) {
                break error;
            }
        };
        let _ = ended.send(failed.class());
        Err(failed)
    };
    drop(produce("application/json", Late::Progress, work).await.unwrap());
    assert_eq!(wait.await.unwrap(), errdefs::Class::Cancelled);
}

#[tokio::test]
async fn an_upload_is_read_piece_by_piece_and_drained() {
    let (channel, pieces) = mpsc::channel(PIECES);
    let mut upload = Upload { pieces, current: Bytes::new() };
    for piece in ["ab", "", "cdef", "gh"] {
        channel.send(Ok(Bytes::from(piece))).await.unwrap();
    }
    drop(channel);
    let read = tokio::task::spawn_blocking(move || {
        let mut three = [0; 3];
        upload.read_exact(&mut three).unwrap();
        upload.drain().unwrap();
        assert_eq!(upload.read(&mut three).unwrap(), 0);
        three
    });
    assert_eq!(&read.await.unwrap(), b"abc");
}
