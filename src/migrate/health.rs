//! Whether MAS and Synapse answer as they should, asked from outside.

use std::{path::Path, time::Duration};

use serde_json::Value;
use ureq::tls::{RootCerts, TlsConfig};

use crate::migrate::{MigrateError, inputs::Inputs};

/// How long services may take until they answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Where the two answer on this host.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// Synapse's own listener, without a slash at the end.
    pub synapse: String,
    /// MAS, as Synapse reaches it, without a slash at the end.
    pub mas: String,
    /// The secret that both share.
    secret: Option<String>,
}

/// An answer: its status and its JSON, or null.
type Answer = (u16, Value);

impl Addresses {
    /// What the configurations say.
    ///
    /// # Errors
    ///
    /// If they do not say where Synapse or MAS is.
    pub fn of(inputs: &Inputs) -> Result<Self, MigrateError> {
        let missing = |reason: &str| MigrateError::Missing(reason.to_owned());
        let synapse = match &inputs.synapse_url {
            Some(url) => url.clone(),
            None => inputs.synapse()?.url().ok_or_else(|| {
                missing("Synapse has no listener for clients without TLS: give `--synapse-url`")
            })?,
        };
        let overlay = inputs
            .overlay
            .as_ref()
            .ok_or_else(|| missing("name the file that makes Synapse delegate: `--overlay`"))?;
        let wrong = |reason: &str| MigrateError::file(&overlay.source, reason.to_owned());
        let content: Value = serde_yaml_ng::from_str(&overlay.content()?)
            .map_err(|error| wrong(&error.to_string()))?;
        let section = &content["matrix_authentication_service"];
        if section["enabled"] != true {
            return Err(wrong("it does not enable `matrix_authentication_service`"));
        }
        let endpoint = section["endpoint"].as_str();
        let mas = endpoint.ok_or_else(|| wrong("`endpoint` is missing"))?;
        let secret = match (section["secret"].as_str(), section["secret_path"].as_str()) {
            (Some(secret), _) => Some(secret.to_owned()),
            (None, Some(file)) => std::fs::read_to_string(Path::new(file))
                .ok()
                .map(|secret| secret.trim().to_owned()),
            (None, None) => None,
        };
        Ok(Addresses {
            synapse: synapse.trim_end_matches('/').to_owned(),
            mas: mas.trim_end_matches('/').to_owned(),
            secret,
        })
    }

    /// Waits until Synapse lets MAS authenticate users, and an old token, if one is given, is
    /// still good. Gives the name of MAS's issuer.
    ///
    /// # Errors
    ///
    /// If it is not so after a minute.
    pub async fn delegated(&self, token: Option<&str>) -> Result<String, MigrateError> {
        let discovery = format!("{}/.well-known/openid-configuration", self.mas);
        let issuer = wait(&discovery, None, |(status, body)| {
            let issuer = body["issuer"].as_str().filter(|_| *status == 200)?;
            Some(issuer.to_owned())
        })
        .await?;
        let metadata = format!("{}/_matrix/client/v1/auth_metadata", self.synapse);
        wait(&metadata, None, |(status, body)| {
            (*status == 200 && body["issuer"] == issuer.as_str()).then_some(())
        })
        .await?;
        if let Some(token) = token {
            self.knows(token).await?;
        }
        Ok(issuer)
    }

    /// Whether an access token is good at this moment.
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
        wait(&self.whoami(), Some(token), |(status, _)| {
            (*status == 200).then_some(())
        })
        .await
    }

    /// Lets Synapse forget a device, with everything that belongs to it.
    ///
    /// # Errors
    ///
    /// If Synapse does not do it.
    pub async fn delete_device(&self, localpart: &str, device: &str) -> Result<(), MigrateError> {
        let url = format!("{}/_synapse/mas/delete_device", self.synapse);
        let body = serde_json::json!({"localpart": localpart, "device_id": device});
        let (status, _) = ask(&url, self.secret.as_deref(), Some(body)).await?;
        match status {
            200..=299 | 404 => Ok(()),
            _ => Err(MigrateError::Missing(format!("{url} answers {status}"))),
        }
    }
}

/// Which version the Synapse at an address says it is, if it answers.
pub async fn synapse_version(url: &str) -> Option<String> {
    let url = format!("{url}/_matrix/federation/v1/version");
    let (_, body) = ask(&url, None, None).await.ok()?;
    Some(body["server"]["version"].as_str()?.to_owned())
}

/// Asks until the answer is good.
async fn wait<T>(
    url: &str,
    token: Option<&str>,
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
                Ok((status, _)) => MigrateError::Missing(format!(
                    "{url} answers {status}, which is not what it should"
                )),
                Err(error) => error,
            });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Sends a request: a POST if there is a body.
async fn ask(url: &str, token: Option<&str>, body: Option<Value>) -> Result<Answer, MigrateError> {
    let (address, token) = (url.to_owned(), token.map(str::to_owned));
    let asked = tokio::task::spawn_blocking(move || {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(10)))
            .http_status_as_error(false)
            // Both are on this host, or next to it.
            .proxy(None)
            .tls_config(tls)
            .build()
            .new_agent();
        let bearer = token.map(|token| format!("Bearer {token}"));
        let bearer = bearer.unwrap_or_default();
        let mut response = if let Some(body) = body {
            let request = agent.post(&address);
            request.header("Authorization", bearer).send_json(&body)?
        } else {
            agent.get(&address).header("Authorization", bearer).call()?
        };
        let status = response.status().as_u16();
        let body = response.body_mut().read_json().unwrap_or(Value::Null);
        Ok::<Answer, ureq::Error>((status, body))
    });
    let failed = |reason: String| MigrateError::Missing(format!("{url}: {reason}"));
    asked
        .await
        .map_err(|error| failed(error.to_string()))?
        .map_err(|error| failed(error.to_string()))
}
