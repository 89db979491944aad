//! The socket: what people ask of a running daemon, one line of JSON in and one out.
//!
//! Who reaches it is a matter of the file's rights, and who asked is what the kernel says. No key and
//! no other secret passes it.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::time::timeout;

use crate::daemon::inbox::{Answer, Outlet, Request};
use crate::daemon::outside::Outside;
use crate::daemon::service;
use crate::domain::ask::Ask;

/// Of what is said on the socket; another one is refused with a sentence.
pub const VERSION: u32 = 1;

/// An approval of ten thousand backups fits.
const LONGEST_QUESTION: u64 = 1 << 20;
/// Read and thrown away of what comes after a question that was refused.
const LONGEST_REST: u64 = 1 << 24;
/// Conversations at one time; people have few hands.
const CONVERSATIONS: usize = 16;
const BACKLOG: u32 = 64;
/// For a question to arrive, and for its answer to be read.
const LINE_WITHIN: Duration = Duration::from_secs(10);
/// The engine listens between any two calls to the cloud, and each of those ends within its time limit.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// After no connection could be taken, as when there are no file descriptors left; and for who was
/// answered to fall silent.
const REST: Duration = Duration::from_secs(1);
/// For the owner and the group, who are the people that may ask.
const MODE: u32 = 0o660;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Question {
    pub version: u32,
    pub ask: Ask,
}

#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    #[error("a process listens at {} already", .0.display())]
    Lives(PathBuf),
    #[error("{} is there, and is not a socket", .0.display())]
    NotASocket(PathBuf),
    #[error("listen at {}", path.display())]
    Failed { path: PathBuf, source: io::Error },
}

/// The file of the socket; it goes when this is dropped. None where the service manager made it.
pub struct Socket(Option<PathBuf>);

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // What cannot be removed is replaced by the next daemon.
            drop(fs::remove_file(path));
        }
    }
}

/// Listens at `path`, or where the service manager listened for us, until the daemon stops.
pub(super) async fn open(outside: &Outside, path: &Path) -> Result<Socket, SocketError> {
    let at = path.to_owned();
    let opened = outside.settle(async move { listen(&at) }).await;
    let gone = || Err(SocketError::Failed { path: path.to_owned(), source: io::ErrorKind::Other.into() });
    let (listener, socket) = opened.unwrap_or_else(gone)?;
    outside.spawn(serve(listener, outside.outlet.clone(), outside.bell.clone()));
    Ok(socket)
}

fn listen(path: &Path) -> Result<(UnixListener, Socket), SocketError> {
    let failed = |source| SocketError::Failed { path: path.to_owned(), source };
    if let Some(inherited) = service::inherited_socket().map_err(failed)? {
        return Ok((UnixListener::from_std(inherited).map_err(failed)?, Socket(None)));
    }
    make_way(path)?;
    let socket = UnixSocket::new_stream().and_then(|socket| {
        socket.bind(path)?;
        // Nobody can connect before the rights are what they shall be.
        fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
        socket.listen(BACKLOG)
    });
    Ok((socket.map_err(failed)?, Socket(Some(path.to_owned()))))
}

/// A dead daemon leaves its file behind; a living one answers, and keeps it.
fn make_way(path: &Path) -> Result<(), SocketError> {
    let failed = |source| SocketError::Failed { path: path.to_owned(), source };
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if !found.file_type().is_socket() {
        return Err(SocketError::NotASocket(path.to_owned()));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(SocketError::Lives(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

async fn serve(listener: UnixListener, outlet: Outlet, bell: Arc<Notify>) {
    let room = Arc::new(Semaphore::new(CONVERSATIONS));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the socket takes nobody for a second"
                );
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let (outlet, bell) = (outlet.clone(), bell.clone());
        let seat = room.clone().try_acquire_owned();
        tokio::spawn(async move {
            let full = || Answer::NotTaken("too many speak with the daemon at once".to_owned());
            let answer = seat.is_err().then(full);
            // Whoever left needs no answer.
            drop(converse(stream, answer, &outlet, &bell).await);
            drop(seat);
        });
    }
}

async fn converse(
    mut stream: UnixStream,
    answer: Option<Answer>,
    outlet: &Outlet,
    bell: &Notify,
) -> io::Result<()> {
    let answer = match answer {
        Some(answer) => answer,
        None => {
            let uid = stream.peer_cred()?.uid();
            match question(&mut stream).await {
                Ok(ask) => pass_on(uid, ask, outlet, bell).await,
                Err(why) => Answer::Refused(why),
            }
        }
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    timeout(LINE_WITHIN, stream.write_all(&line)).await??;
    stream.shutdown().await?;
    // What they still say must be read, or the answer is lost with it.
    let mut rest = stream.take(LONGEST_REST);
    timeout(REST, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await?.map(drop)
}

/// What is asked, or why it cannot be understood.
async fn question(stream: &mut UnixStream) -> Result<Ask, String> {
    let mut line = Vec::new();
    let mut reader = BufReader::new(stream.take(LONGEST_QUESTION));
    match timeout(LINE_WITHIN, reader.read_until(b'\n', &mut line)).await {
        Err(_) => return Err(format!("no whole line came within {} s", LINE_WITHIN.as_secs())),
        Ok(Err(error)) => return Err(error.to_string()),
        Ok(Ok(_)) if line.last() != Some(&b'\n') => {
            return Err(format!("a question is one line of at most {LONGEST_QUESTION} bytes"));
        }
        Ok(Ok(_)) => {}
    }
    let version = serde_json::from_slice::<Version>(&line).map(|said| said.version);
    match version {
        Ok(VERSION) => {}
        Ok(other) => return Err(format!("this daemon speaks version {VERSION} of the socket, not {other}")),
        Err(error) => return Err(format!("not a question as JSON: {error}")),
    }
    let question: Result<Question, _> = serde_json::from_slice(&line);
    question.map(|question| question.ask).map_err(|error| format!("this daemon knows no such ask: {error}"))
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

async fn pass_on(uid: u32, ask: Ask, outlet: &Outlet, bell: &Notify) -> Answer {
    let (answer, mut answered) = oneshot::channel();
    match outlet.try_send(Request { uid, ask, answer }) {
        Ok(()) => bell.notify_one(),
        Err(TrySendError::Full(_)) => {
            return Answer::NotTaken("too many asks wait for the daemon already".to_owned());
        }
        Err(TrySendError::Closed(_)) => return Answer::NotTaken("the daemon is ending".to_owned()),
    }
    if let Ok(Ok(answer)) = timeout(ANSWER_WITHIN, &mut answered).await {
        return answer;
    }
    // From here on it is no longer taken; it may just have been.
    answered.close();
    answered.try_recv().unwrap_or_else(|_| {
        Answer::Unknown("the daemon gave no answer; `status` shows whether it took it".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream as Stream;
    use std::thread;

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::daemon::inbox::Inbox;
    use crate::domain::id::AskId;

    fn opened(path: &Path) -> (Outside, Inbox, Result<Socket, SocketError>) {
        let (outside, inbox) = Outside::open(CancellationToken::new()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let socket = runtime.block_on(open(&outside, path));
        (outside, inbox, socket)
    }

    fn say(path: &Path, line: &[u8]) -> String {
        let mut stream = Stream::connect(path).unwrap();
        stream.write_all(line).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn an_ask_goes_to_the_engine_with_the_callers_uid_and_the_answer_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let (outside, mut inbox, socket) = opened(&path);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        let engine = thread::spawn(move || {
            let request = inbox.blocking_recv().unwrap();
            let taken = Answer::Taken { id: AskId::new("a"), seq: 7 };
            request.answer.send(taken).unwrap();
            (request.uid, request.ask)
        });
        let question = serde_json::to_string(&Question { version: VERSION, ask: Ask::Thaw }).unwrap();
        assert_eq!(say(&path, format!("{question}\n").as_bytes()), "{\"taken\":{\"id\":\"a\",\"seq\":7}}\n");
        let own = std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap());
        assert_eq!(engine.join().unwrap(), (own, Ask::Thaw));
        drop(socket);
        assert!(!path.exists());
        outside.stop.cancel();
    }

    #[test]
    fn what_is_no_question_is_refused_with_a_sentence_and_reaches_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let (outside, mut inbox, _socket) = opened(&path);
        let long = vec![b'x'; LONGEST_QUESTION as usize + 9];
        for (line, said) in [
            (&b"{}\n"[..], "not a question as JSON: missing field `version`"),
            (b"GET / HTTP/1.1\r\n\r\n", "not a question as JSON"),
            (b"\xff\xfe\n", "not a question as JSON"),
            (b"", "a question is one line of at most"),
            (b"{\"version\":1,\"ask\":\"thaw\"}", "a question is one line of at most"),
            (b"{\"version\":2,\"ask\":\"thaw\"}\n", "speaks version 1 of the socket, not 2"),
            (b"{\"version\":1,\"ask\":{\"sell\":{}}}\n", "knows no such ask: unknown variant `sell`"),
            (&long, "a question is one line of at most"),
        ] {
            let answer = say(&path, line);
            assert!(answer.starts_with("{\"refused\":") && answer.contains(said), "{answer}");
        }
        assert!(inbox.try_recv().is_err());
        outside.stop.cancel();
    }

    #[test]
    fn the_file_of_a_dead_daemon_is_replaced_and_that_of_a_living_one_never() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let (first, _inbox, socket) = opened(&path);
        assert!(socket.is_ok());
        let (second, _second_inbox, refused) = opened(&path);
        assert!(matches!(refused, Err(SocketError::Lives(_))));
        assert!(path.exists());
        let file = folder.path().join("f");
        fs::write(&file, "mine").unwrap();
        let (third, _third_inbox, refused) = opened(&file);
        assert!(matches!(refused, Err(SocketError::NotASocket(_))));
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
        [first, second, third].iter().for_each(|outside| outside.stop.cancel());
    }

    #[test]
    fn of_more_than_a_few_at_once_the_rest_is_sent_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let (outside, _inbox, _socket) = opened(&path);
        let mute: Vec<Stream> = (0..CONVERSATIONS).map(|_| Stream::connect(&path).unwrap()).collect();
        let answer = say(&path, b"");
        assert!(answer.contains("too many speak with the daemon at once"), "{answer}");
        drop(mute);
        outside.stop.cancel();
    }
}
