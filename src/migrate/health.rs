//! Checks over HTTP that MAS and Synapse answer as they should.

use std::time::Duration;

use serde_json::Value;
use ureq::tls::{RootCerts, TlsConfig};

use crate::migrate::{MigrateError, inputs::Inputs};

/// How long to wait for a good answer after the start of the services.
const TIMEOUT: Duration = Duration::from_secs(60);

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
    pub fn of(inputs: &Inputs) -> Result<Self, MigrateError> {
        let synapse = match &inputs.synapse_url {
            Some(url) => url.clone(),
            None => inputs.synapse()?.url().ok_or(MigrateError::Usage {
                problem: "Synapse has no listener for clients without TLS",
                fix: "pass `--synapse-url URL`",
            })?,
        };
        let overlay = inputs
            .overlay
            .as_ref()
            .ok_or_else(MigrateError::no_overlay)?;
        let wrong = |reason: &str| MigrateError::content(&overlay.source, reason);
        let content: Value = serde_yaml_ng::from_str(&overlay.content()?)
            .map_err(MigrateError::form(&overlay.source, "YAML"))?;
        let section = &content["matrix_authentication_service"];
        if section["enabled"] != true {
            return Err(wrong("it does not enable `matrix_authentication_service`"));
        }
        let endpoint = section["endpoint"].as_str();
        let mas =
            endpoint.ok_or_else(|| wrong("`matrix_authentication_service.endpoint` is missing"))?;
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

    /// Waits until Synapse authenticates users by itself.
    ///
    /// # Errors
    ///
    /// If it does not after 60 s.
    pub async fn legacy(&self) -> Result<(), MigrateError> {
        let metadata = format!("{}/_matrix/client/v1/auth_metadata", self.synapse);
        wait(&metadata, None, "no issuer", |(status, _)| {
            (*status == 404).then_some(())
        })
        .await
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

/// Repeats a GET request until `good` accepts the answer, for up to 60 s. `expected` says what a good
/// answer has, for the error.
async fn wait<T>(
    url: &str,
    token: Option<&str>,
    expected: &'static str,
    good: impl Fn(&Answer) -> Option<T>,
) -> Result<T, MigrateError> {
    let deadline = tokio::time::Instant::now() + TIMEOUT;
    loop {
        let answer = ask(url, token, None).await;
        if let Some(found) = answer.as_ref().ok().and_then(&good) {
            return Ok(found);
        }
        if tokio::time::Instant::now() > deadline {
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
    let (address, token) = (url.to_owned(), token.map(str::to_owned));
    let asked = tokio::task::spawn_blocking(move || {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(10)))
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
        io::{BufRead, BufReader, Write},
        net::TcpListener,
        thread,
    };

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
}
