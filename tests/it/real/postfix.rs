//! Postfix from Debian, in a folder of its own: it takes letters on a port of this machine, over TLS
//! only, and keeps each as a file.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use quartermaster::config::mail::{MailSetting, Security, Server, Way};

use crate::machine;
use crate::real::parts::{self, Running};

const START: Duration = Duration::from_secs(300);
/// Who the recipients are; the server takes letters for nobody else.
pub const TO: &str = "ops@mail.test";
/// The rights with which letters are written down: those of nobody.
const NOBODY: u32 = 65_534;
/// The parts that receive and deliver here. None is told to live in another root.
const SERVICES: &str = "pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
proxymap unix - - n - - proxymap
tlsmgr unix - - n 1000? 1 tlsmgr
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
";

pub struct Postfix {
    running: Running,
    program: PathBuf,
    folder: PathBuf,
    address: SocketAddr,
}

impl Postfix {
    /// Nothing, and a line that says so, where it cannot run.
    pub fn start(folder: &Path) -> Option<Self> {
        let (program, openssl) = (parts::find("postfix")?, parts::find("openssl")?);
        let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
        if !is_root {
            machine::skip("postfix runs only as root");
            return None;
        }
        let folder = folder.join("postfix");
        // Its parts run as users of their own, who must be able to reach their places.
        for path in ["", "conf", "queue", "data", "box"] {
            fs::create_dir_all(folder.join(path)).unwrap();
        }
        fs::set_permissions(folder.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
        own(&folder.join("data"), "postfix");
        own(&folder.join("box"), &NOBODY.to_string());
        sign(&openssl, &folder);
        let address = SocketAddr::from(([127, 0, 0, 1], machine::free_port()));
        configure(&folder, address);
        let mut command = Command::new(&program);
        command.arg("-c").arg(folder.join("conf")).arg("start-fg");
        let mut running = Running::start(&mut command, "postfix", folder.parent().unwrap());
        running.until("a connection", START, || TcpStream::connect(address).ok());
        Some(Self { running, program, folder, address })
    }

    /// How letters reach it: encrypted, with a certificate that only its own authority signed.
    pub fn setting(&self) -> MailSetting {
        let server = Server {
            host: self.address.ip().to_string(),
            port: self.address.port(),
            security: Security::StartTls,
            login: None,
            ca_file: Some(self.authority()),
        };
        MailSetting {
            from: "quartermaster@mail.test".to_owned(),
            to: vec![TO.to_owned()],
            way: Way::Server(server),
        }
    }

    /// The same, as a configuration says it.
    pub fn section(&self) -> String {
        format!(
            "[mail]\nserver = \"{}\"\nport = {}\nsecurity = \"starttls\"\nca_file = {:?}\nfrom = \"quartermaster@mail.test\"\n",
            self.address.ip(),
            self.address.port(),
            self.authority()
        )
    }

    fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The letters that arrived, once `is_enough` of them did.
    #[track_caller]
    pub fn letters(&mut self, what: &str, is_enough: impl Fn(&[String]) -> bool) -> Vec<String> {
        let arrived = self.folder.join("box/letters/new");
        self.running.until(what, START, || {
            let files = fs::read_dir(&arrived).ok()?;
            let letters: Vec<String> =
                files.filter_map(|file| fs::read_to_string(file.ok()?.path()).ok()).collect();
            is_enough(&letters).then_some(letters)
        })
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // It has children of its own, which only it can end.
        drop(Command::new(&self.program).arg("-c").arg(self.folder.join("conf")).arg("stop").output());
    }
}

fn own(path: &Path, owner: &str) {
    let status = Command::new("chown").arg(owner).arg(path).status().unwrap();
    assert!(status.success(), "chown {owner} {}", path.display());
}

fn configure(folder: &Path, address: SocketAddr) {
    let base = folder.display();
    let main = format!(
        "compatibility_level = 3.6\nqueue_directory = {base}/queue\ndata_directory = {base}/data\n\
         inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmyhostname = mail.test\nmydestination =\n\
         mynetworks = 127.0.0.0/8\nalias_maps =\nalias_database =\nmaillog_file = /dev/stdout\n\
         virtual_mailbox_domains = mail.test\nvirtual_mailbox_base = {base}/box\n\
         virtual_mailbox_maps = static:letters/\nvirtual_minimum_uid = 1\n\
         virtual_uid_maps = static:{NOBODY}\nvirtual_gid_maps = static:{NOBODY}\n\
         smtpd_relay_restrictions = reject_unauth_destination\n\
         smtpd_tls_security_level = encrypt\nsmtpd_tls_chain_files = {base}/mail.pem\n"
    );
    fs::write(folder.join("conf/main.cf"), main).unwrap();
    fs::write(folder.join("conf/master.cf"), format!("{address} inet n - n - - smtpd\n{SERVICES}")).unwrap();
}

/// An authority, and a certificate for this machine that it signed.
fn sign(openssl: &Path, folder: &Path) {
    let run = |words: &str| {
        let output = Command::new(openssl).args(words.split(' ')).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "openssl {words}: {}", String::from_utf8_lossy(&output.stderr));
    };
    fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    run(&format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=tests -days 2"));
    run(&format!("req {key} -keyout mail.key -out mail.csr -subj /CN=mail.test"));
    run(
        "x509 -req -in mail.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out mail.crt -days 2 -extfile names",
    );
    let chain = ["mail.key", "mail.crt"].map(|file| fs::read_to_string(folder.join(file)).unwrap()).concat();
    fs::write(folder.join("mail.pem"), chain).unwrap();
}
