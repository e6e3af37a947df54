//! The public address of MAS.

use std::{fmt, str::FromStr};

use url::{Host, Url};

use crate::schema::format::{DOMAIN_NAME, URL_PATH};

/// A public address that the module's routes can express: `https`, a host name, no port, and a path that
/// ends with a slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    /// The host name, such as `auth.example.com`.
    pub host: String,
    /// The path, such as `/` or `/auth/`.
    pub path: String,
}

impl PublicUrl {
    /// The usual address of MAS: `auth.` before the name of the homeserver. None if that is an IP address.
    #[must_use]
    pub fn usual(server_name: &str) -> Option<Self> {
        let url = Url::parse(&format!("https://{server_name}/")).ok()?;
        let host = domain(&url)?;
        Some(PublicUrl {
            host: format!("auth.{host}"),
            path: "/".to_owned(),
        })
    }
}

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
        if url.scheme() != "https" {
            return Err("the scheme must be https".to_owned());
        }
        let extra = [
            (url.port().is_some(), "a port"),
            (
                !url.username().is_empty() || url.password().is_some(),
                "a user name",
            ),
            (url.query().is_some(), "a query"),
            (url.fragment().is_some(), "a fragment"),
        ];
        if let Some((_, part)) = extra.iter().find(|(found, _)| *found) {
            return Err(format!("{part} is not supported"));
        }
        let host = domain(&url).ok_or("not a host name, such as auth.example.com")?;
        let mut path = url.path().to_owned();
        if !path.ends_with('/') {
            path.push('/');
        }
        if !URL_PATH.matches(&path) {
            return Err("a path like this is not supported".to_owned());
        }
        Ok(PublicUrl { host, path })
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}{}", self.host, self.path)
    }
}

fn domain(url: &Url) -> Option<String> {
    match url.host()? {
        Host::Domain(name) if DOMAIN_NAME.matches(name) => Some(name.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_routes_can_express_is_an_address() {
        for (text, expected) in [
            ("https://auth.example.com", Ok("https://auth.example.com/")),
            ("https://example.com/auth", Ok("https://example.com/auth/")),
            ("http://auth.example.com/", Err("https")),
            ("https://auth.example.com:8443/", Err("a port")),
            ("https://me@auth.example.com/", Err("a user name")),
            ("https://auth.example.com/?a", Err("a query")),
            ("https://auth.example.com/#a", Err("a fragment")),
            ("https://192.0.2.1/", Err("not a host name")),
            ("https://auth.example.com/a%20b/", Err("a path")),
            ("auth.example.com", Err("not a URL")),
        ] {
            let found = text.parse::<PublicUrl>();
            match expected {
                Ok(shown) => assert_eq!(found.unwrap().to_string(), shown),
                Err(part) => {
                    let reason = found.unwrap_err();
                    assert!(reason.contains(part), "{text}: {reason}");
                }
            }
        }
    }

    #[test]
    fn the_usual_address_is_beside_the_homeserver() {
        for (name, expected) in [
            ("example.com", Some("https://auth.example.com/")),
            ("example.com:8448", Some("https://auth.example.com/")),
            ("192.0.2.1", None),
            ("[2001:db8::1]:8448", None),
        ] {
            let found = PublicUrl::usual(name).map(|url| url.to_string());
            assert_eq!(found.as_deref(), expected, "{name}");
        }
    }
}
