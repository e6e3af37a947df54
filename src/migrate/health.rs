//! Checks over HTTP that MAS and Synapse answer as they should.

use std::{
    error::Error,
    fmt,
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::{task::JoinHandle, time::Instant};
use ureq::tls::{RootCerts, TlsConfig};
use url::{Host, Url};

use crate::migrate::{
    MigrateError,
    context::Context,
    synapse_config::processes::{self, Found, Search},
    system::systemd::Component,
};

/// How long to wait for a good answer after the start of the services.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How long to wait for one answer.
const ANSWER: Duration = Duration::from_secs(10);

/// The base URLs of Synapse and MAS, as reachable from this host.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// Synapse's own listener, without trailing slash, for example `http://127.0.0.1:8008`.
    pub synapse: String,
    /// MAS, as Synapse reaches it (`endpoint` in the overlay), without trailing slash.
    pub mas: String,
}

/// The status and the JSON body of a response; null if the body is not JSON.
type Answer = (u16, Value);

impl Addresses {
    /// Reads the URLs from Synapse's configuration and the source of the overlay.
    ///
    /// # Errors
    ///
    /// If a configuration cannot be read, or has no usable URL.
    pub fn of(context: &Context) -> Result<Self, MigrateError> {
        let synapse = match &context.args.synapse_url {
            Some(url) => url.clone(),
            None => context.synapse()?.url().ok_or(MigrateError::Usage {
                problem: "Synapse has no listener for clients without TLS",
                fix: "pass `--synapse-url URL`",
            })?,
        };
        let overlay = context.overlay()?;
        let settings = overlay.settings()?;
        let mas = endpoint_of_mas(&settings)
            .map_err(|reason| MigrateError::content(&overlay.source, reason))?;
        Ok(Addresses {
            synapse: synapse.trim_end_matches('/').to_owned(),
            mas: mas.trim_end_matches('/').to_owned(),
        })
    }

    /// Waits until Synapse announces MAS as its issuer and accepts `token`, an access token from before the
    /// cutover. Returns the issuer.
    ///
    /// # Errors
    ///
    /// If one of the answers is still wrong after 60 s.
    pub async fn delegated(&self, token: Option<&str>) -> Result<String, MigrateError> {
        let discovery = format!("{}/.well-known/openid-configuration", self.mas);
        let issuer = wait(&discovery, None, "the issuer", |(status, body)| {
            let issuer = body["issuer"].as_str().filter(|_| *status == 200)?;
            Some(issuer.to_owned())
        })
        .await?;
        let metadata = format!("{}/_matrix/client/v1/auth_metadata", self.synapse);
        wait(&metadata, None, "MAS as the issuer", |(status, body)| {
            (*status == 200 && body["issuer"] == issuer.as_str()).then_some(())
        })
        .await?;
        if let Some(token) = token {
            self.knows(token).await?;
        }
        Ok(issuer)
    }

    /// Whether Synapse accepts an access token now.
    ///
    /// # Errors
    ///
    /// If Synapse does not answer.
    pub async fn is_good(&self, token: &str) -> Result<bool, MigrateError> {
        let (status, _) = ask(&self.whoami(), Some(token), None).await?;
        Ok(status == 200)
    }

    fn whoami(&self) -> String {
        format!("{}/_matrix/client/v3/account/whoami", self.synapse)
    }

    async fn knows(&self, token: &str) -> Result<(), MigrateError> {
        let owner = "the user of the token";
        wait(&self.whoami(), Some(token), owner, |(status, _)| {
            (*status == 200).then_some(())
        })
        .await
    }
}

/// Waits until Synapse answers at a base URL.
///
/// # Errors
///
/// If it does not within 60 s.
pub async fn answers(url: &str) -> Result<(), MigrateError> {
    let versions = format!("{url}/_matrix/client/versions");
    wait(&versions, None, "its versions", |(status, _)| {
        (*status == 200).then_some(())
    })
    .await
}

/// Logs out from Synapse, at a base URL. Synapse then deletes the token's device.
///
/// # Errors
///
/// If Synapse refuses or does not answer.
pub async fn log_out(url: &str, token: &str) -> Result<(), MigrateError> {
    let url = format!("{url}/_matrix/client/v3/logout");
    match ask(&url, Some(token), Some(serde_json::json!({}))).await? {
        (200, _) => Ok(()),
        (status, _) => Err(MigrateError::Answer {
            url,
            status,
            expected: "the end of a session",
        }),
    }
}

/// The version that Synapse reports at a base URL. None if it does not answer.
pub async fn synapse_version(url: &str) -> Option<String> {
    let url = format!("{url}/_matrix/federation/v1/version");
    let (_, body) = ask(&url, None, None).await.ok()?;
    Some(body["server"]["version"].as_str()?.to_owned())
}

/// Who logs users in at a listener of Synapse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authority {
    /// Synapse itself.
    Synapse,
    /// MAS, with this issuer.
    Mas(String),
    /// Nobody, for this reason.
    Nobody(String),
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Authority::Synapse => f.write_str("Synapse logs people in by itself"),
            Authority::Mas(issuer) => write!(f, "{issuer} logs people in"),
            Authority::Nobody(reason) => f.write_str(reason),
        }
    }
}

/// A listener of Synapse for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The process or the unit that listens. Empty if it is unknown.
    pub process: String,
    /// One URL for each address that it is bound to.
    pub urls: Vec<Url>,
}

/// The endpoint in the settings with which Synapse delegates to MAS.
///
/// # Errors
///
/// Why Synapse would not delegate with them, or not to a known place.
pub fn endpoint_of_mas(settings: &Value) -> Result<&str, &'static str> {
    let section = &settings["matrix_authentication_service"];
    if section["enabled"] != true {
        return Err("it does not enable `matrix_authentication_service`");
    }
    let endpoint = section["endpoint"].as_str();
    endpoint.ok_or("`matrix_authentication_service.endpoint` is missing")
}

/// The processes of this Synapse, and the commands of its units.
///
/// # Errors
///
/// If Synapse's configuration cannot be read.
pub async fn processes(context: &Context) -> Result<Found, MigrateError> {
    let config = context.synapse()?;
    let units = context.services().ok();
    let overlay = context.args.overlay.as_ref().map(|overlay| {
        let settings = overlay.settings();
        (overlay.file.as_path(), settings.unwrap_or_default())
    });
    let search = Search {
        config,
        overlay,
        units: units
            .as_ref()
            .map_or(&[], |units| units.units(Component::Synapse)),
    };
    Ok(processes::find(&search).await)
}

/// The listeners for clients of all processes of this Synapse, workers too, that run on this host and can be
/// reached. `--synapse-url` takes the place of the main process's. If that is not found, its first listener
/// is taken from Synapse's configuration.
///
/// # Errors
///
/// If Synapse's configuration cannot be read.
pub async fn listeners(context: &Context) -> Result<Vec<Listener>, MigrateError> {
    let config = context.synapse()?;
    let given = context.args.synapse_url.as_ref();
    let given = given.and_then(|url| Url::parse(url).ok());
    let mut listeners: Vec<Listener> = Vec::new();
    let mut add = |process: String, urls: Vec<Url>| {
        let is_known = |known: &Listener| known.urls.iter().any(|known| urls.contains(known));
        if !listeners.iter().any(is_known) {
            listeners.push(Listener { process, urls });
        }
    };
    let found = processes(context).await?;
    let reachable = found.running().filter(|process| process.is_reachable);
    let mut has_main = false;
    for process in reachable {
        let Some(config) = &process.config else {
            continue;
        };
        if !config.is_worker() {
            has_main = true;
            if given.is_some() {
                continue;
            }
        }
        for urls in config.client_listeners() {
            add(process.to_string(), urls);
        }
    }
    if let Some(url) = given {
        add(String::new(), vec![url]);
    } else if !has_main {
        let of_config = config.url().and_then(|url| Url::parse(&url).ok());
        let of_config = of_config.map(|url| vec![url]);
        if let Some(urls) = of_config.or_else(|| config.client_listeners().into_iter().next()) {
            add(String::new(), urls);
        }
    }
    Ok(listeners)
}

/// Asks all listeners who logs users in: each with the URL that answers, or the last one that does not.
pub async fn who_answers(listeners: &[Listener]) -> Vec<(Url, Authority)> {
    let asked = listeners.iter().cloned();
    let asked: Vec<_> = asked
        .map(|listener| tokio::spawn(async move { listener.who_answers().await }))
        .collect();
    let mut answers = Vec::new();
    for answer in asked {
        // The task fails only if it panics, and one that panics has no answer.
        answers.extend(answer.await.ok().flatten());
    }
    answers
}

impl Listener {
    async fn who_answers(&self) -> Option<(Url, Authority)> {
        let mut last = None;
        for url in &self.urls {
            let authority = match get(url, "/_matrix/client/v1/auth_metadata").await {
                Ok(metadata) => match get(url, "/_matrix/client/v3/login").await {
                    Ok(login) => return Some((url.clone(), authority(&metadata, &login))),
                    Err(error) => Authority::Nobody(error.with_causes()),
                },
                Err(error) => Authority::Nobody(error.with_causes()),
            };
            last = Some((url.clone(), authority));
        }
        last
    }
}

/// Who logs users in, by the answers of both endpoints. While Synapse delegates, it has no `/login`; behind
/// a proxy it is MAS's, which says so in a flow (MSC3824).
fn authority((status, metadata): &Answer, (login_status, login): &Answer) -> Authority {
    const OF_MAS: &[&str] = &[
        "oauth_aware_preferred",
        "org.matrix.msc3824.delegated_oidc_compatibility",
    ];
    let flows = login["flows"].as_array().filter(|_| *login_status == 200);
    let is_of_mas = |flow: &Value| OF_MAS.iter().any(|name| flow[*name] == true);
    if flows.is_some_and(|flows| !flows.iter().any(is_of_mas)) {
        return Authority::Synapse;
    }
    match metadata["issuer"].as_str().filter(|_| *status == 200) {
        Some(issuer) => Authority::Mas(issuer.to_owned()),
        None => Authority::Nobody(format!(
            "`auth_metadata` answers {status}, and `login` {login_status}"
        )),
    }
}

/// Waits until at every listener of Synapse, workers too, this issuer logs users in. Returns the listeners.
///
/// # Errors
///
/// If one of them still answers otherwise after 60 s.
pub async fn all_delegate(context: &Context, issuer: &str) -> Result<Vec<Url>, MigrateError> {
    let issuer = Authority::Mas(issuer.to_owned());
    all_answer(context, |authority| *authority == issuer).await
}

/// Waits until at every listener of Synapse, workers too, Synapse logs users in by itself. Returns the
/// listeners.
///
/// # Errors
///
/// If one of them still answers otherwise after 60 s.
pub async fn all_legacy(context: &Context) -> Result<Vec<Url>, MigrateError> {
    all_answer(context, |authority| *authority == Authority::Synapse).await
}

async fn all_answer(
    context: &Context,
    good: impl Fn(&Authority) -> bool,
) -> Result<Vec<Url>, MigrateError> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        // Processes may only just be starting, so they are looked for each time.
        let listeners = listeners(context).await?;
        let answers = who_answers(&listeners).await;
        let wrong = answers.iter().filter(|(_, authority)| !good(authority));
        let wrong: Vec<String> = wrong
            .map(|(url, authority)| described(&listeners, url, authority))
            .collect();
        if wrong.is_empty() {
            return Ok(answers.into_iter().map(|(url, _)| url).collect());
        }
        if Instant::now() > deadline {
            return Err(MigrateError::Listeners(wrong));
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Who answers at a URL, in words: `http://127.0.0.1:8083/ (worker.service): …`.
#[must_use]
pub fn described(listeners: &[Listener], url: &Url, authority: &Authority) -> String {
    let mut known = listeners.iter().filter(|known| known.urls.contains(url));
    match known.next().map(|listener| &*listener.process) {
        None | Some("") => format!("{url}: {authority}"),
        Some(process) => format!("{url} ({process}): {authority}"),
    }
}

/// Sends a GET request to a listener, which may be a Unix socket.
async fn get(listener: &Url, path: &str) -> Result<Answer, MigrateError> {
    if listener.scheme() != "unix" {
        let url = format!("{}{path}", listener.as_str().trim_end_matches('/'));
        return send(&url, None, None, is_certified(listener)).await;
    }
    let socket = percent_decode_str(listener.path()).decode_utf8_lossy();
    let (socket, path) = (socket.into_owned(), path.to_owned());
    let asked = tokio::task::spawn_blocking(move || get_from_socket(Path::new(&socket), &path));
    answered(listener.as_str(), asked).await
}

/// Whether the certificate of a listener has to be valid. That of one at an address of this host is for the
/// homeserver's name.
fn is_certified(listener: &Url) -> bool {
    matches!(listener.host(), Some(Host::Domain(name)) if name != "localhost")
}

/// Sends a GET request to a Unix socket. The server closes the connection after the answer (HTTP/1.0).
fn get_from_socket(socket: &Path, path: &str) -> io::Result<Answer> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(ANSWER))?;
    stream.set_write_timeout(Some(ANSWER))?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let wrong = || io::Error::other("this is no answer of HTTP");
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok());
    let (_, body) = text.split_once("\r\n\r\n").ok_or_else(wrong)?;
    let body = serde_json::from_str(body).unwrap_or(Value::Null);
    Ok((status.ok_or_else(wrong)?, body))
}

/// Repeats a GET request until `good` accepts the answer, for up to 60 s.
async fn wait<T>(
    url: &str,
    token: Option<&str>,
    expected: &'static str,
    good: impl Fn(&Answer) -> Option<T>,
) -> Result<T, MigrateError> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let answer = ask(url, token, None).await;
        if let Some(found) = answer.as_ref().ok().and_then(&good) {
            return Ok(found);
        }
        if Instant::now() > deadline {
            return Err(match answer {
                Ok((status, _)) => MigrateError::Answer {
                    url: url.to_owned(),
                    status,
                    expected,
                },
                Err(error) => error,
            });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Sends a POST request if there is a body, otherwise a GET request. `token` is a bearer token.
async fn ask(url: &str, token: Option<&str>, body: Option<Value>) -> Result<Answer, MigrateError> {
    send(url, token, body, true).await
}

/// The same as [`ask`]. `certified` says whether the server's certificate has to be valid.
async fn send(
    url: &str,
    token: Option<&str>,
    body: Option<Value>,
    certified: bool,
) -> Result<Answer, MigrateError> {
    let (address, token) = (url.to_owned(), token.map(str::to_owned));
    let asked = tokio::task::spawn_blocking(move || {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .disable_verification(!certified)
            .build();
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(ANSWER))
            .http_status_as_error(false)
            // Both servers are local or nearby, so a proxy in the environment is not meant for them.
            .proxy(None)
            .tls_config(tls)
            .build()
            .new_agent();
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut response = if let Some(body) = body {
            let mut request = agent.post(&address);
            if let Some(bearer) = bearer {
                request = request.header("Authorization", bearer);
            }
            request.send_json(&body)?
        } else {
            let mut request = agent.get(&address);
            if let Some(bearer) = bearer {
                request = request.header("Authorization", bearer);
            }
            request.call()?
        };
        let status = response.status().as_u16();
        let body = response.body_mut().read_json().unwrap_or(Value::Null);
        Ok::<Answer, ureq::Error>((status, body))
    });
    answered(url, asked).await
}

/// Waits for the answer to a request that another thread sends.
async fn answered<E: Into<Box<dyn Error + Send + Sync>>>(
    url: &str,
    asked: JoinHandle<Result<Answer, E>>,
) -> Result<Answer, MigrateError> {
    let failed = |source| MigrateError::Http {
        url: url.to_owned(),
        source,
    };
    match asked.await {
        Ok(answer) => answer.map_err(|error| failed(error.into())),
        Err(error) => Err(failed(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        net::TcpListener,
        thread,
    };

    use serde_json::json;

    use super::*;

    /// Answers one request with `{}`. Returns the header lines of the request, in lower case.
    fn serve(listener: &TcpListener) -> Vec<String> {
        let (mut stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let lines = lines.map(|line| line.unwrap().to_lowercase());
        let lines = lines.take_while(|line| !line.is_empty()).collect();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            .unwrap();
        lines
    }

    #[tokio::test]
    async fn a_request_is_authorized_only_with_a_token() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || [serve(&listener), serve(&listener)]);
        for token in [None, Some("secret")] {
            assert_eq!(ask(&url, token, None).await.unwrap().0, 200);
        }
        let authorization = server.join().unwrap().map(|lines| {
            let line = lines.iter().find(|line| line.starts_with("authorization"));
            line.cloned()
        });
        assert_eq!(
            authorization,
            [None, Some("authorization: bearer secret".to_owned())]
        );
    }

    #[test]
    fn who_logs_in_is_told_from_both_answers() {
        let none = || (404, json!({"errcode": "M_UNRECOGNIZED"}));
        let metadata = || (200, json!({"issuer": "https://auth.example.com/"}));
        let password = || json!({"type": "m.login.password"});
        let flows = |flows: Value| (200, json!({"flows": flows}));
        let of_mas = || {
            let sso = json!({"type": "m.login.sso", "oauth_aware_preferred": true});
            flows(json!([password(), sso]))
        };
        let mas = || Authority::Mas("https://auth.example.com/".to_owned());
        assert_eq!(
            authority(&none(), &flows(json!([password()]))),
            Authority::Synapse
        );
        assert_eq!(authority(&none(), &flows(json!([]))), Authority::Synapse);
        assert_eq!(authority(&metadata(), &none()), mas());
        assert_eq!(authority(&metadata(), &of_mas()), mas());
        // A worker behind the same address does not read the overlay.
        assert_eq!(
            authority(&metadata(), &flows(json!([password()]))),
            Authority::Synapse
        );
        for (status, login) in [(404, none()), (503, none()), (404, of_mas())] {
            let answer = authority(&(status, Value::Null), &login);
            assert!(matches!(answer, Authority::Nobody(_)), "{answer:?}");
        }
    }

    #[test]
    fn a_listener_may_be_a_unix_socket() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a b.sock");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            stream
                .write_all(b"HTTP/1.1 404 Not Found\r\nA: b\r\n\r\n{\"errcode\": \"M_X\"}")
                .unwrap();
            String::from_utf8(request[..length].to_vec()).unwrap()
        });
        let url = Url::parse(&format!("unix://{}", path.display())).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (status, body) = runtime.block_on(get(&url, "/path")).unwrap();
        assert_eq!((status, &body["errcode"]), (404, &json!("M_X")));
        assert!(server.join().unwrap().starts_with("GET /path HTTP/1.0\r\n"));
        let gone = runtime.block_on(get(&url, "/path"));
        assert!(gone.is_err());
    }
}
