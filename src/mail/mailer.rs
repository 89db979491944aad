//! The mailer: one letter to one recipient, over a server or into a folder.
//!
//! Every try ends: a server that says nothing costs the time limit and nothing more.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::address::Envelope as Route;
use lettre::transport::smtp;
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::ExposeSecret;

use super::form::{self, Envelope, FormError};
use super::letter::Letter;
use crate::config::key::{self, KeyError};
use crate::config::mail::{MailSetting, Security, Server, Way};

/// For one letter to one recipient, from connecting to the last answer.
pub const LIMIT: Duration = Duration::from_secs(60);

/// For a greeting alone, which a person waits for.
const GREETING_LIMIT: Duration = Duration::from_secs(15);

#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("write the letter")]
    Form(#[from] FormError),
    #[error("read the mail password")]
    Password(#[from] KeyError),
    #[error("read the certificate {}", path.display())]
    Authority { path: PathBuf, source: io::Error },
    #[error("use the certificate {}", path.display())]
    NotACertificate { path: PathBuf, source: smtp::Error },
    #[error("prepare encryption with {host}")]
    Encryption { host: String, source: smtp::Error },
    #[error("hand the letter for {to} to {host}, port {port}")]
    Server { host: String, port: u16, to: String, source: smtp::Error },
    #[error("{host}, port {port}, did not take the letter for {to} within {} s", LIMIT.as_secs())]
    Silent { host: String, port: u16, to: String },
    #[error("greet {host}, port {port}")]
    Greeting { host: String, port: u16, source: smtp::Error },
    #[error("{host}, port {port}, said nothing within {} s", GREETING_LIMIT.as_secs())]
    Mute { host: String, port: u16 },
    #[error("write {}", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("the work of writing {} was lost", path.display())]
    Lost { path: PathBuf },
}

impl MailError {
    /// The server will say no to this recipient however often it is asked.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Server { source, .. } => source.is_permanent(),
            Self::Form(_)
            | Self::Password(_)
            | Self::Authority { .. }
            | Self::NotACertificate { .. }
            | Self::Encryption { .. }
            | Self::Silent { .. }
            | Self::Greeting { .. }
            | Self::Mute { .. }
            | Self::Folder { .. }
            | Self::Lost { .. } => false,
        }
    }
}

/// Hands one letter over for one recipient; gives what the other side said.
pub async fn send(
    setting: &MailSetting,
    of: &Envelope<'_>,
    letter: &Letter,
    to: &str,
) -> Result<String, MailError> {
    let message = form::message(setting, of, letter)?;
    match &setting.way {
        Way::Server(server) => over_server(server, setting, &message, to).await,
        Way::Folder(folder) => into_folder(folder, of, message.formatted()).await,
    }
}

/// Connects, encrypts, says who we are and who logs in, and goes: no letter is sent.
pub async fn greet(server: &Server) -> Result<bool, MailError> {
    let (host, port) = (server.host.clone(), server.port);
    let transport = transport(server)?;
    match tokio::time::timeout(GREETING_LIMIT, transport.test_connection()).await {
        Ok(Ok(is_well)) => Ok(is_well),
        Ok(Err(source)) => Err(MailError::Greeting { host, port, source }),
        Err(_) => Err(MailError::Mute { host, port }),
    }
}

async fn over_server(
    server: &Server,
    setting: &MailSetting,
    message: &Message,
    to: &str,
) -> Result<String, MailError> {
    let Server { host, port, .. } = server;
    let transport = transport(server)?;
    let from = form::mailbox(&setting.from)?.email;
    let route = Route::new(Some(from), vec![form::mailbox(to)?.email]).map_err(FormError::from)?;
    let bytes = message.formatted();
    let sent = tokio::time::timeout(LIMIT, transport.send_raw(&route, &bytes)).await;
    let (host, to) = (host.clone(), to.to_owned());
    match sent {
        Ok(Ok(response)) => {
            let said: Vec<&str> = response.message().collect();
            Ok(format!("{} {}", response.code(), said.join(" ")))
        }
        Ok(Err(source)) => Err(MailError::Server { host, port: *port, to, source }),
        Err(_) => Err(MailError::Silent { host, port: *port, to }),
    }
}

/// A new one each time: a connection that idles breaks when it is needed.
fn transport(server: &Server) -> Result<AsyncSmtpTransport<Tokio1Executor>, MailError> {
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host)
        .port(server.port)
        .timeout(Some(LIMIT / 2))
        .pool_config(PoolConfig::new().max_size(1).idle_timeout(Duration::from_secs(1)))
        .tls(match server.security {
            Security::StartTls => Tls::Required(encryption(server)?),
            Security::Tls => Tls::Wrapper(encryption(server)?),
            Security::None => Tls::None,
        });
    if let Some((username, password_file)) = &server.login {
        let password = key::read_secret("mail.password_file", password_file)?;
        builder =
            builder.credentials(Credentials::new(username.clone(), password.expose_secret().to_owned()));
    }
    Ok(builder.build())
}

fn encryption(server: &Server) -> Result<TlsParameters, MailError> {
    let mut builder = TlsParameters::builder(server.host.clone());
    if let Some(path) = &server.ca_file {
        let pem = fs::read(path).map_err(|source| MailError::Authority { path: path.clone(), source })?;
        let certificate = Certificate::from_pem(&pem);
        let certificate =
            certificate.map_err(|source| MailError::NotACertificate { path: path.clone(), source })?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|source| MailError::Encryption { host: server.host.clone(), source })
}

/// One file for each letter, which appears whole. The same letter is the same file.
async fn into_folder(folder: &Path, of: &Envelope<'_>, bytes: Vec<u8>) -> Result<String, MailError> {
    let name = format!("{}-{}.eml", of.at.zoned().strftime("%Y%m%dT%H%M%SZ"), of.id);
    let path = folder.join(name);
    let (folder, written) = (folder.to_owned(), path.clone());
    // A folder on a disk that hangs must hold up no page.
    let work = tokio::task::spawn_blocking(move || -> io::Result<()> {
        fs::create_dir_all(&folder)?;
        let unfinished = written.with_extension("part");
        // What a letter tells of an account is for whoever may read the folder's owner's files.
        let mut options = fs::File::options();
        let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, &written)
    });
    match tokio::time::timeout(LIMIT, work).await {
        Ok(Ok(Ok(()))) => Ok(format!("written to {}", path.display())),
        Ok(Ok(Err(source))) => Err(MailError::Folder { path, source }),
        Ok(Err(_)) | Err(_) => Err(MailError::Lost { path }),
    }
}
