//! String formats. Each has one pattern, which decides whether a string has the format.
//!
//! Patterns are POSIX extended regular expressions that match the whole string, because that is
//! what Nix supports. [`Format::matches`] reads the same patterns. Each was compared with
//! `mas-cli`.

use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

use regex::Regex;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A string format.
#[derive(Debug)]
pub struct Format {
    /// Its name in the schema (`x-format`).
    pub name: &'static str,
    /// Its description in messages, with an article.
    pub description: &'static str,
    /// Its name in upstream's JSON schema (`format`), if any.
    pub json: Option<&'static str>,
    /// The pattern that the whole string must match.
    pub pattern: &'static str,
    /// `(when, then)`: a string that matches `when` must also match `then`.
    pub also: Option<(&'static str, &'static str)>,
}

impl Format {
    /// Whether the string has this format.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        matches(self.pattern, text)
            && self
                .also
                .is_none_or(|(when, then)| !matches(when, text) || matches(then, text))
    }
}

/// The format of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Format> {
    all().find(|format| format.name == name)
}

/// All formats.
pub fn all() -> impl Iterator<Item = &'static Format> {
    OF_OPTIONS.iter().chain(OF_RULES).copied()
}

/// Whether the whole text matches a POSIX extended regular expression, as Nix's `builtins.match`
/// decides it.
///
/// # Panics
///
/// If the pattern is invalid. All patterns are constants of this program.
#[must_use]
fn matches(pattern: &'static str, text: &str) -> bool {
    static COMPILED: LazyLock<std::sync::Mutex<HashMap<&'static str, Regex>>> =
        LazyLock::new(std::sync::Mutex::default);
    COMPILED
        .lock()
        .expect("nothing panics while it holds the lock")
        .entry(pattern)
        .or_insert_with(|| {
            Regex::new(&format!("(?s)^(?:{})$", escape_brackets(pattern)))
                .expect("patterns are constants and tested")
        })
        .is_match(text)
}

/// The first group of a POSIX pattern, if the pattern matches the whole text.
///
/// # Panics
///
/// If the pattern is invalid. All patterns are constants of this program.
#[must_use]
pub fn capture(pattern: &str, text: &str) -> Option<String> {
    let pattern = format!("(?s)^(?:{})$", escape_brackets(pattern));
    let pattern = Regex::new(&pattern).expect("patterns are constants");
    let group = pattern.captures(text)?.get(1)?;
    Some(group.as_str().to_owned())
}

/// Escapes `[` and `\` inside bracket expressions: the regex crate requires that, and POSIX takes
/// them literally.
fn escape_brackets(pattern: &str) -> String {
    let mut out = String::new();
    let mut chars = pattern.chars().peekable();
    while let Some(char) = chars.next() {
        out.push(char);
        match char {
            '\\' => out.extend(chars.next()),
            '[' => {
                out.extend(chars.next_if_eq(&'^'));
                if chars.next_if_eq(&']').is_some() {
                    out.push_str("\\]");
                }
                while let Some(char) = chars.next() {
                    match char {
                        ']' => {
                            out.push(']');
                            break;
                        }
                        '[' if chars.peek() == Some(&':') => {
                            out.push('[');
                            for char in chars.by_ref() {
                                out.push(char);
                                if char == ']' {
                                    break;
                                }
                            }
                        }
                        '[' | '\\' | '&' | '~' => out.extend(['\\', char]),
                        _ => out.push(char),
                    }
                }
            }
            _ => {}
        }
    }
    out
}

/// A byte of an IPv4 address.
macro_rules! octet {
    () => {
        "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
    };
}

/// An IPv4 address.
macro_rules! ipv4 {
    () => {
        concat!(octet!(), "(\\.", octet!(), "){3}")
    };
}

/// An IPv6 address, with its last four bytes in either form.
macro_rules! ipv6 {
    () => {
        concat!(
            "(",
            "([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}",
            "|([0-9A-Fa-f]{1,4}:){1,7}:",
            "|([0-9A-Fa-f]{1,4}:){1,6}(:[0-9A-Fa-f]{1,4})",
            "|([0-9A-Fa-f]{1,4}:){1,5}(:[0-9A-Fa-f]{1,4}){1,2}",
            "|([0-9A-Fa-f]{1,4}:){1,4}(:[0-9A-Fa-f]{1,4}){1,3}",
            "|([0-9A-Fa-f]{1,4}:){1,3}(:[0-9A-Fa-f]{1,4}){1,4}",
            "|([0-9A-Fa-f]{1,4}:){1,2}(:[0-9A-Fa-f]{1,4}){1,5}",
            "|[0-9A-Fa-f]{1,4}:(:[0-9A-Fa-f]{1,4}){1,6}",
            "|:((:[0-9A-Fa-f]{1,4}){1,7}|:)",
            "|([0-9A-Fa-f]{1,4}:){6}",
            ipv4!(),
            "|::([0-9A-Fa-f]{1,4}:){0,5}",
            ipv4!(),
            ")"
        )
    };
}

/// A TCP port.
macro_rules! port {
    () => {
        "0*(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5]?[0-9]{1,4})"
    };
}

/// A TCP port that a server can have.
macro_rules! server_port {
    () => {
        "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
    };
}

/// The last bytes of an IPv4 netmask.
macro_rules! mask {
    () => {
        "(255|254|252|248|240|224|192|128|0)"
    };
}

/// A character of a label in a URL's host, and one that is not a digit.
macro_rules! host_label {
    () => {
        "[^][/?#\\@:<>^|%.[:space:][:cntrl:]]"
    };
}
macro_rules! host_nondigit {
    () => {
        "[^][/?#\\@:<>^|%.[:space:][:cntrl:]0-9]"
    };
}

/// The host of a URL: an address, or a name whose last label is not a number.
macro_rules! url_host {
    () => {
        concat!(
            "(\\[",
            ipv6!(),
            "]|",
            ipv4!(),
            "|(",
            host_label!(),
            "*\\.)*",
            host_label!(),
            "*",
            host_nondigit!(),
            host_label!(),
            "*\\.?)"
        )
    };
}

/// The host of a server as proxies accept it: an address, or a name whose last label is not a number.
macro_rules! server_host {
    () => {
        concat!(
            "(\\[",
            ipv6!(),
            "]|",
            ipv4!(),
            "|([A-Za-z0-9_-]+\\.)*[A-Za-z0-9_-]*[A-Za-z_-][A-Za-z0-9_-]*)"
        )
    };
}

/// A path of characters that `$char` lists in brackets, without `.`, `..` and empty steps. `$other` lists
/// those of them that are not a dot.
macro_rules! path_of {
    ($char:literal, $other:literal) => {
        concat!(
            "(/(", $other, $char, "*|\\.", $other, $char, "*|\\.\\.", $char, "+))+"
        )
    };
}

/// A path that can be used in unit files, the shell scripts of administrators, and the configurations of
/// proxies: without characters that one of them treats specially.
macro_rules! file_path {
    () => {
        path_of!(
            "[^]%\"'\\$`;{}<>|&()*/[:space:][:cntrl:][]",
            "[^].%\"'\\$`;{}<>|&()*/[:space:][:cntrl:][]"
        )
    };
}

/// A list of numbers, ranges and repetitions in a calendar event, or `*` (systemd.time(7)).
macro_rules! calendar_list {
    ($number:literal, $interval:literal) => {
        concat!(
            "(\\*|", $number, "(\\.\\.", $number, ")?(/", $interval, ")?", "(,", $number,
            "(\\.\\.", $number, ")?(/", $interval, ")?)*)"
        )
    };
}

/// Days of the week in a calendar event.
macro_rules! calendar_days {
    () => {
        concat!(calendar_day!(), "((,|-|\\.\\.)", calendar_day!(), ")*")
    };
}
macro_rules! calendar_day {
    () => {
        concat!(
            "([Mm][Oo][Nn]([Dd][Aa][Yy])?|[Tt][Uu][Ee]([Ss][Dd][Aa][Yy])?",
            "|[Ww][Ee][Dd]([Nn][Ee][Ss][Dd][Aa][Yy])?|[Tt][Hh][Uu]([Rr][Ss][Dd][Aa][Yy])?",
            "|[Ff][Rr][Ii]([Dd][Aa][Yy])?|[Ss][Aa][Tt]([Uu][Rr][Dd][Aa][Yy])?",
            "|[Ss][Uu][Nn]([Dd][Aa][Yy])?)"
        )
    };
}

/// A date in a calendar event. `~` counts days from the end of the month.
macro_rules! calendar_date {
    () => {
        concat!(
            "(",
            calendar_list!(
                "0*(19[7-9][0-9]|2[01][0-9]{2}|[0-9]{1,2})",
                "0*[1-9][0-9]{0,2}"
            ),
            "-)?",
            calendar_list!("0*([1-9]|1[0-2])", "0*[1-9][0-9]?"),
            "[-~]",
            calendar_list!("0*([1-9]|[12][0-9]|3[01])", "0*[1-9][0-9]?")
        )
    };
}

/// A time of day in a calendar event.
macro_rules! calendar_time {
    () => {
        concat!(
            calendar_list!("0*(1?[0-9]|2[0-3])", "0*[1-9][0-9]?"),
            ":",
            calendar_list!("0*[1-5]?[0-9]", "0*[1-9][0-9]?"),
            "(:",
            calendar_list!("0*[1-5]?[0-9](\\.[0-9]+)?", "[0-9]+(\\.[0-9]+)?"),
            ")?"
        )
    };
}

macro_rules! mail_atom {
    () => {
        "[^][()<>:;@\\,\"[:space:]]"
    };
}

/// An address such as `user@example.com`.
macro_rules! mail_address {
    () => {
        concat!(
            "[^][()<>:;@\\,\".[:space:]]+(\\.[^][()<>:;@\\,\".[:space:]]+)*",
            "@[^][()<>:;@\\,\".[:space:]-]([^][()<>:;@\\,\".[:space:]]*",
            "[^][()<>:;@\\,\".[:space:]-])?",
            "(\\.[^][()<>:;@\\,\".[:space:]-]([^][()<>:;@\\,\".[:space:]]*",
            "[^][()<>:;@\\,\".[:space:]-])?)*"
        )
    };
}

/// A sender or recipient: an address, or a name and an address in angle brackets.
pub static MAILBOX: Format = Format {
    name: "Mailbox",
    description: "an email address, alone or in angle brackets after a name",
    json: None,
    pattern: concat!(
        "[[:space:]]*(",
        mail_address!(),
        "|((",
        mail_atom!(),
        "+|\"([^\"\\]|\\\\.)*\")[[:space:]]*)*<",
        mail_address!(),
        ">)[[:space:]]*"
    ),
    also: None,
};

/// A URI that contains a password.
pub static URI_WITH_PASSWORD: Format = Format {
    name: "UriWithPassword",
    description: "a URI that contains a password",
    json: None,
    pattern: "([^:/?#]+://[^/?#@]*:[^/?#@]+@.*|[^?]*\\?(.*&)?password=[^&]+.*)",
    also: None,
};

/// An HTTP URL. [`URL`] checks the rest of it.
pub static HTTP_URL: Format = Format {
    name: "HttpUrl",
    description: "a URL that starts with https:// or http://",
    json: None,
    pattern: "[Hh][Tt][Tt][Pp][Ss]?:.*",
    also: None,
};

/// A URL whose host stands for all addresses of a host. A server can listen there, but nobody can
/// connect to it by that name.
pub static WILDCARD_URL: Format = Format {
    name: "WildcardUrl",
    description: "a URL that stands for all addresses of a host",
    json: None,
    pattern: "[Hh][Tt][Tt][Pp][Ss]?://([^/?#@]*@)?(\\[[0:]+]|0+(\\.0+)*)(:[0-9]*)?([/?#].*)?",
    also: None,
};

/// The URI of a PostgreSQL database on this host.
pub static LOCAL_DATABASE_URI: Format = Format {
    name: "LocalDatabaseUri",
    description: "the URI of a database on this host",
    json: None,
    pattern: "[^:]*://([^@/]*@)?(localhost|127\\.0\\.0\\.1|\\[::1])?(:[0-9]+)?/.*",
    also: None,
};

/// A loopback address with a port, or a URL with one.
pub static LOOPBACK: Format = Format {
    name: "Loopback",
    description: "a loopback address",
    json: None,
    pattern: "(https?://)?(localhost|127\\.[0-9.]+|\\[::1])(:[0-9]+)?/?",
    also: None,
};

/// The URI of a PostgreSQL database that uses a Unix socket.
pub static SOCKET_DATABASE_URI: Format = Format {
    name: "SocketDatabaseUri",
    description: "the URI of a database that uses a Unix socket",
    json: None,
    pattern: "[^:]*:///[^?]*\\?(.*&)?host=(/|%2[Ff]).*",
    also: None,
};

/// A file in the service's runtime directory.
pub static RUNTIME_FILE: Format = Format {
    name: "RuntimeFile",
    description: "a file in the service's runtime directory",
    json: None,
    pattern: "/run/matrix-authentication-service/.*",
    also: None,
};

/// An absolute path. [`FILE_PATH`] also checks its form.
pub static ABSOLUTE_PATH: Format = Format {
    name: "AbsolutePath",
    description: "an absolute path",
    json: None,
    pattern: "/.*",
    also: None,
};

/// A path that systemd accepts as the source of a credential, and uses as it is.
pub static CREDENTIAL_SOURCE: Format = Format {
    name: "CredentialSource",
    description: "a path that systemd can load",
    json: None,
    pattern: concat!(path_of!("[^%\\/[:cntrl:]]", "[^.%\\/[:cntrl:]]"), "/?"),
    also: None,
};

/// A text that both proxies serve unchanged, between single quotes and between backquotes.
pub static SERVED_TEXT: Format = Format {
    name: "ServedText",
    description: "a text without quotes, $, \\, braces and white space",
    json: None,
    pattern: "[^\"'\\$`{}[:space:][:cntrl:]]*",
    also: None,
};

/// Scopes that include `openid`.
pub static OPENID_SCOPE: Format = Format {
    name: "OpenidScope",
    description: "scopes that include `openid`",
    json: None,
    pattern: "(.* )?openid( .*)?",
    also: None,
};

/// The formats that only rules use.
static OF_RULES: &[&Format] = &[
    &MAILBOX,
    &URI_WITH_PASSWORD,
    &HTTP_URL,
    &WILDCARD_URL,
    &LOCAL_DATABASE_URI,
    &LOOPBACK,
    &SOCKET_DATABASE_URI,
    &RUNTIME_FILE,
    &ABSOLUTE_PATH,
    &CREDENTIAL_SOURCE,
    &SERVED_TEXT,
    &OPENID_SCOPE,
];

/// Named parts of several patterns. A later part may contain earlier ones.
pub const PARTS: &[(&str, &str)] = &[
    ("port", port!()),
    ("serverPort", server_port!()),
    ("mask", mask!()),
    ("octet", octet!()),
    ("ipv4", ipv4!()),
    ("ipv6", ipv6!()),
    ("hostChar", host_label!()),
    ("host", url_host!()),
    ("serverHost", server_host!()),
    ("path", file_path!()),
    ("day", calendar_day!()),
    ("mailAddress", mail_address!()),
];

macro_rules! formats {
    ($($(#[$doc:meta])* $type:ident = $constant:ident {
        description: $description:expr,
        json: $json:expr,
        pattern: $pattern:expr,
        also: $also:expr $(,)?
    })*) => {
        static OF_OPTIONS: &[&Format] = &[$(&$constant),*];
        $(
            #[doc = concat!("The form of [`", stringify!($type), "`].")]
            pub static $constant: Format = Format {
                name: stringify!($type),
                description: $description,
                json: $json,
                pattern: $pattern,
                also: $also,
            };

            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
            pub struct $type(pub String);

            impl JsonSchema for $type {
                fn inline_schema() -> bool {
                    true
                }
                fn schema_name() -> Cow<'static, str> {
                    stringify!($type).into()
                }
                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    let mut schema = json_schema!({"type": "string", "x-format": stringify!($type)});
                    if let Some(json) = $constant.json {
                        schema.insert("format".to_owned(), json.into());
                    }
                    schema
                }
            }
        )*
    };
}

formats! {
    /// An absolute URL.
    Url = URL {
        description: "an absolute URL",
        json: Some("uri"),
        pattern: "[A-Za-z][A-Za-z0-9+.-]*:.*",
        also: Some((
            "([Hh][Tt][Tt][Pp][Ss]?|[Ww][Ss][Ss]?|[Ff][Tt][Pp]):.*",
            concat!(
                "[A-Za-z]+:[/\\]*([^/?#\\@]*@)*", url_host!(), "(:(", port!(), ")?)?([/?#\\].*)?"
            ),
        )),
    }
    /// A ULID (<https://github.com/ulid/spec>).
    Ulid = ULID {
        description: "a ULID (26 characters: digits, and letters except I, L, O and U)",
        json: None,
        pattern: "[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{26}",
        also: None,
    }
    /// An IP address, or a network with its prefix length or netmask.
    IpNetwork = IP_NETWORK {
        description: "an IP address or a network such as 10.0.0.0/8",
        // Upstream uses `ip` for networks too.
        json: Some("ip"),
        pattern: concat!(
            "(", ipv4!(), "(/(0*([12]?[0-9]|3[0-2])|255\\.255\\.255\\.", mask!(),
            "|255\\.255\\.", mask!(), "\\.0|255\\.", mask!(), "\\.0\\.0|", mask!(), "\\.0\\.0\\.0))?",
            "|", ipv6!(), "(/0*(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)"
        ),
        also: None,
    }
    /// An IP address and a port.
    SocketAddress = SOCKET_ADDRESS {
        description: "an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080",
        json: None,
        pattern: concat!("(", ipv4!(), "|\\[", ipv6!(), "(%[0-9]+)?]):", port!()),
        also: None,
    }
    /// An IP address and a port that a server can have, for units and proxies.
    ServerAddress = SERVER_ADDRESS {
        description: "an IP address and a port, such as 127.0.0.1:8081 or [::1]:8081",
        json: None,
        pattern: concat!("(", ipv4!(), "|\\[", ipv6!(), "]):", server_port!()),
        also: None,
    }
    /// An IP address and a port, or the path of a Unix socket.
    ListenAddress = LISTEN_ADDRESS {
        description: "an IP address and a port, such as 127.0.0.1:8080, or the path of a Unix socket",
        json: None,
        pattern: concat!(
            "((", ipv4!(), "|\\[", ipv6!(), "]):", server_port!(), "|",
            path_of!("[A-Za-z0-9._-]", "[A-Za-z0-9_-]"), ")"
        ),
        // The size of `sun_path` in unix(7).
        also: Some(("/.*", ".{2,107}")),
    }
    /// Addresses in the syntax of systemd's `IPAddressAllow=`.
    Addresses = ADDRESSES {
        description: "an IP address, a network such as 10.0.0.0/8, \"localhost\" or \"any\"",
        json: None,
        pattern: concat!(
            "(any|localhost|", ipv4!(), "(/([12]?[0-9]|3[0-2]))?|", ipv6!(),
            "(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)"
        ),
        also: None,
    }
    /// The name of a host in a URL, as reverse proxies accept it.
    DomainName = DOMAIN_NAME {
        description: "a host name, such as matrix.example.com",
        json: Some("hostname"),
        pattern: "[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)*",
        also: None,
    }
    /// A path in a URL, from slash to slash.
    UrlPath = URL_PATH {
        description: "a path that starts and ends with a slash, such as /auth/",
        json: None,
        pattern: "/([A-Za-z0-9._~-]+/)*",
        also: None,
    }
    /// The URL that a reverse proxy connects to, without a path.
    Upstream = UPSTREAM {
        description: "a URL without a path, such as http://127.0.0.1:8008",
        json: Some("uri"),
        pattern: concat!("https?://", server_host!(), "(:", server_port!(), ")?"),
        also: None,
    }
    /// A file path that can be used in unit files.
    FilePath = FILE_PATH {
        description: "an absolute path without `//`, `..` or a slash at its end, and without spaces, quotes, %, $ or other special characters",
        json: None,
        pattern: file_path!(),
        also: None,
    }
    /// A configuration file of MAS.
    ConfigFile = CONFIG_FILE {
        description: "an absolute path or one that starts with ${CREDENTIALS_DIRECTORY}/, without `//`, `..` or a slash at its end, and without spaces, quotes, %, $ or other special characters",
        json: None,
        pattern: concat!("(\\$CREDENTIALS_DIRECTORY|\\$[{]CREDENTIALS_DIRECTORY})?", file_path!()),
        also: None,
    }
    /// The name of a systemd unit.
    UnitName = UNIT_NAME {
        description: "the name of a systemd unit, such as matrix-synapse.service",
        json: None,
        pattern: "[A-Za-z0-9@:_.-]+\\.(service|socket|target|timer|path|mount)",
        also: None,
    }
    /// A name that needs no quotes in configuration files and commands.
    Name = NAME {
        description: "a name of letters, digits, -, . and _",
        json: None,
        pattern: "[A-Za-z0-9_][A-Za-z0-9._-]*",
        also: None,
    }
    /// The name of a systemd credential.
    CredentialName = CREDENTIAL_NAME {
        description: "a name of letters, digits, -, . and _",
        json: None,
        // systemd accepts 255 bytes.
        pattern: "[A-Za-z0-9_][A-Za-z0-9._-]{0,254}",
        also: None,
    }
    /// The localpart of a user, which is a part of file names.
    Localpart = LOCALPART {
        description: "a localpart of letters, digits, -, ., _, = and +",
        json: None,
        pattern: "[A-Za-z0-9._=+][A-Za-z0-9._=+-]{0,199}",
        also: None,
    }
    /// The name of an HTTP header, as reverse proxies accept it.
    HeaderName = HEADER_NAME {
        description: "a name of letters, digits, - and _",
        json: None,
        pattern: "[A-Za-z0-9_][A-Za-z0-9_-]*",
        also: None,
    }
    /// An HTTP header value that reverse proxies accept in quotes.
    HeaderValue = HEADER_VALUE {
        description: "an HTTP header value without quotes, \\, $ or braces",
        json: None,
        pattern: "[^\"\\${}[:cntrl:]]*",
        also: None,
    }
    /// A version.
    Version = VERSION {
        description: "a version such as 1.136.0",
        json: None,
        pattern: "[0-9]+\\.[0-9]+\\.[0-9]+([A-Za-z0-9.+-]*)",
        also: None,
    }
    /// A systemd calendar event (systemd.time(7)). systemd itself also checks that ranges and intervals are not
    /// too long, and that there is such a time zone.
    CalendarEvent = CALENDAR_EVENT {
        description: "a systemd calendar event, such as \"daily\" or \"Mon 04:00\"",
        json: None,
        pattern: concat!(
            "([Mm][Ii][Nn][Uu][Tt][Ee][Ll][Yy]|[Hh][Oo][Uu][Rr][Ll][Yy]|[Dd][Aa][Ii][Ll][Yy]",
            "|[Ww][Ee][Ee][Kk][Ll][Yy]|[Mm][Oo][Nn][Tt][Hh][Ll][Yy]|[Qq][Uu][Aa][Rr][Tt][Ee][Rr][Ll][Yy]",
            "|(([Ss][Ee][Mm][Ii]|[Bb][Ii])-?)?[Aa][Nn][Nn][Uu][Aa][Ll][Ll][Yy]|[Yy][Ee][Aa][Rr][Ll][Yy]",
            "|", calendar_days!(), "|(", calendar_days!(), " +)?(",
            calendar_date!(), "( +", calendar_time!(), ")?|", calendar_time!(), "))",
            "( [A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*)?"
        ),
        also: None,
    }
    /// Permissions of a file.
    Mode = MODE {
        description: "permissions in octal, such as \"660\"",
        json: None,
        pattern: "[0-7]{1,4}",
        also: None,
    }
    /// A host name or IP address. MAS itself accepts any text.
    Hostname = HOSTNAME {
        description: "a host name or IP address",
        json: Some("hostname"),
        pattern: ".*",
        also: None,
    }
    /// The name of a Matrix homeserver
    /// (<https://spec.matrix.org/latest/appendices/#server-name>).
    ServerName = SERVER_NAME {
        description: "the name of a Matrix homeserver, such as example.com, without https:// or a path",
        json: None,
        pattern: concat!("([A-Za-z0-9.-]{1,255}|\\[", ipv6!(), "])(:", port!(), ")?"),
        also: None,
    }
    /// 32 bytes in hexadecimal.
    Hex32 = HEX_32 {
        description: "64 hexadecimal digits",
        json: None,
        pattern: "[0-9a-fA-F]{64}",
        also: None,
    }
    /// Bytes in base64url without padding.
    Base64Url = BASE64_URL {
        description: "base64url without padding",
        json: None,
        pattern: "([A-Za-z0-9_-]{4})*([A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?",
        also: None,
    }
    /// Bytes in base64.
    Base64 = BASE64 {
        description: "base64",
        json: None,
        pattern: "([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?",
        also: None,
    }
    /// The DSN of a Sentry project.
    Dsn = DSN {
        description: "the DSN of a Sentry project, such as https://key@sentry.example.com/1",
        json: Some("uri"),
        pattern: concat!(
            "(https?://[^/?#\\@:[:space:]]+(:[^/?#\\@:[:space:]]*)?@", url_host!(),
            "(:(", port!(), ")?)?(/[^?#[:space:]]*)?/[^/?#[:space:]]+/?)?"
        ),
        also: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_mean_what_they_mean_to_posix() {
        assert!(matches("[^][\\&x]*", "a~b"));
        for char in ["]", "[", "\\", "&", "x"] {
            assert!(!matches("[^][\\&x]*", char), "{char}");
        }
        assert!(matches("[[:space:]a]+\\.", " a\n."));
    }

    #[test]
    fn a_password_in_a_uri_is_found() {
        for uri in [
            "postgresql:///mas?host=/run/postgresql",
            "postgresql://mas@db/mas",
            "postgresql://mas:@db/mas",
            "postgresql://db:5432/mas",
        ] {
            assert!(!URI_WITH_PASSWORD.matches(uri), "{uri}");
        }
        for uri in [
            "postgresql://mas:hunter2@db/mas",
            "postgresql:///mas?host=db&password=hunter2",
            "postgresql://db/mas?password=hunter2&user=mas",
        ] {
            assert!(URI_WITH_PASSWORD.matches(uri), "{uri}");
        }
    }
}
