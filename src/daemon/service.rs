//! What the service manager is told and gives: ready, alive, ending; and a socket that it made.
//!
//! Without one, all of this does nothing.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixListener;

/// The socket that was opened for us, if one was.
pub(super) fn inherited_socket() -> io::Result<Option<UnixListener>> {
    let Some(number) = sd_notify::listen_fds()?.next() else { return Ok(None) };
    #[expect(
        unsafe_code,
        reason = "the service manager gave this descriptor to us, and nobody else takes it"
    )]
    // SAFETY: it is open, by the protocol of LISTEN_FDS, and this is called once.
    let socket = UnixListener::from(unsafe { OwnedFd::from_raw_fd(number) });
    socket.set_nonblocking(true)?;
    Ok(Some(socket))
}
