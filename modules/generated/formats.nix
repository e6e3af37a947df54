# Written by `mas2nix compile` from src/schema/format.rs. Do not edit: change that instead.
let
  port = "0*(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5]?[0-9]{1,4})";
  serverPort = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
  mask = "(255|254|252|248|240|224|192|128|0)";
  octet = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
  ipv4 = "${octet}(\\.${octet}){3}";
  ipv6 = "(([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|([0-9A-Fa-f]{1,4}:){1,7}:|([0-9A-Fa-f]{1,4}:){1,6}(:[0-9A-Fa-f]{1,4})|([0-9A-Fa-f]{1,4}:){1,5}(:[0-9A-Fa-f]{1,4}){1,2}|([0-9A-Fa-f]{1,4}:){1,4}(:[0-9A-Fa-f]{1,4}){1,3}|([0-9A-Fa-f]{1,4}:){1,3}(:[0-9A-Fa-f]{1,4}){1,4}|([0-9A-Fa-f]{1,4}:){1,2}(:[0-9A-Fa-f]{1,4}){1,5}|[0-9A-Fa-f]{1,4}:(:[0-9A-Fa-f]{1,4}){1,6}|:((:[0-9A-Fa-f]{1,4}){1,7}|:)|([0-9A-Fa-f]{1,4}:){6}${ipv4}|::([0-9A-Fa-f]{1,4}:){0,5}${ipv4})";
  hostChar = "[^][/?#\\@:<>^|%.[:space:][:cntrl:]]";
  host = "(\\[${ipv6}]|${ipv4}|(${hostChar}*\\.)*${hostChar}*[^][/?#\\@:<>^|%.[:space:][:cntrl:]0-9]${hostChar}*\\.?)";
  serverHost = "(\\[${ipv6}]|${ipv4}|([A-Za-z0-9_-]+\\.)*[A-Za-z0-9_-]*[A-Za-z_-][A-Za-z0-9_-]*)";
  path = "(/([^].%\"'\\$`;{}<>|&()*/[:space:][:cntrl:][][^]%\"'\\$`;{}<>|&()*/[:space:][:cntrl:][]*|\\.[^].%\"'\\$`;{}<>|&()*/[:space:][:cntrl:][][^]%\"'\\$`;{}<>|&()*/[:space:][:cntrl:][]*|\\.\\.[^]%\"'\\$`;{}<>|&()*/[:space:][:cntrl:][]+))+";
  day = "([Mm][Oo][Nn]([Dd][Aa][Yy])?|[Tt][Uu][Ee]([Ss][Dd][Aa][Yy])?|[Ww][Ee][Dd]([Nn][Ee][Ss][Dd][Aa][Yy])?|[Tt][Hh][Uu]([Rr][Ss][Dd][Aa][Yy])?|[Ff][Rr][Ii]([Dd][Aa][Yy])?|[Ss][Aa][Tt]([Uu][Rr][Dd][Aa][Yy])?|[Ss][Uu][Nn]([Dd][Aa][Yy])?)";
  mailAddress = "[^][()<>:;@\\,\".[:space:]]+(\\.[^][()<>:;@\\,\".[:space:]]+)*@[^][()<>:;@\\,\".[:space:]-]([^][()<>:;@\\,\".[:space:]]*[^][()<>:;@\\,\".[:space:]-])?(\\.[^][()<>:;@\\,\".[:space:]-]([^][()<>:;@\\,\".[:space:]]*[^][()<>:;@\\,\".[:space:]-])?)*";
in
{
  url = {
    description = "an absolute URL";
    pattern = "[A-Za-z][A-Za-z0-9+.-]*:.*";
    also = {
      when = "([Hh][Tt][Tt][Pp][Ss]?|[Ww][Ss][Ss]?|[Ff][Tt][Pp]):.*";
      require = "[A-Za-z]+:[/\\]*([^/?#\\@]*@)*${host}(:(${port})?)?([/?#\\].*)?";
    };
  };
  ulid = {
    description = "a ULID (26 characters: digits, and letters except I, L, O and U)";
    pattern = "[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{26}";
  };
  ipNetwork = {
    description = "an IP address or a network such as 10.0.0.0/8";
    pattern = "(${ipv4}(/(0*([12]?[0-9]|3[0-2])|255\\.255\\.255\\.${mask}|255\\.255\\.${mask}\\.0|255\\.${mask}\\.0\\.0|${mask}\\.0\\.0\\.0))?|${ipv6}(/0*(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)";
  };
  socketAddress = {
    description = "an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080";
    pattern = "(${ipv4}|\\[${ipv6}(%[0-9]+)?]):${port}";
  };
  serverAddress = {
    description = "an IP address and a port, such as 127.0.0.1:8081 or [::1]:8081";
    pattern = "(${ipv4}|\\[${ipv6}]):${serverPort}";
  };
  listenAddress = {
    description = "an IP address and a port, such as 127.0.0.1:8080, or the path of a Unix socket";
    pattern = "((${ipv4}|\\[${ipv6}]):${serverPort}|(/([A-Za-z0-9_-][A-Za-z0-9._-]*|\\.[A-Za-z0-9_-][A-Za-z0-9._-]*|\\.\\.[A-Za-z0-9._-]+))+)";
    also = {
      when = "/.*";
      require = ".{2,107}";
    };
  };
  addresses = {
    description = "an IP address, a network such as 10.0.0.0/8, \"localhost\" or \"any\"";
    pattern = "(any|localhost|${ipv4}(/([12]?[0-9]|3[0-2]))?|${ipv6}(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)";
  };
  domainName = {
    description = "a host name, such as matrix.example.com";
    pattern = "[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)*";
  };
  urlPath = {
    description = "a path that starts and ends with a slash, such as /auth/";
    pattern = "/([A-Za-z0-9._~-]+/)*";
  };
  upstream = {
    description = "a URL without a path, such as http://127.0.0.1:8008";
    pattern = "https?://${serverHost}(:${serverPort})?";
  };
  filePath = {
    description = "an absolute path without `//`, `..` or a slash at its end, and without spaces, quotes, %, $ or other special characters";
    pattern = "${path}";
  };
  configFile = {
    description = "an absolute path or one that starts with \${CREDENTIALS_DIRECTORY}/, without `//`, `..` or a slash at its end, and without spaces, quotes, %, $ or other special characters";
    pattern = "(\\$CREDENTIALS_DIRECTORY|\\$[{]CREDENTIALS_DIRECTORY})?${path}";
  };
  unitName = {
    description = "the name of a systemd unit, such as matrix-synapse.service";
    pattern = "[A-Za-z0-9@:_.-]+\\.(service|socket|target|timer|path|mount)";
  };
  name = {
    description = "a name of letters, digits, -, . and _";
    pattern = "[A-Za-z0-9_][A-Za-z0-9._-]*";
  };
  credentialName = {
    description = "a name of letters, digits, -, . and _";
    pattern = "[A-Za-z0-9_][A-Za-z0-9._-]{0,254}";
  };
  localpart = {
    description = "a localpart of letters, digits, -, ., _, = and +";
    pattern = "[A-Za-z0-9._=+][A-Za-z0-9._=+-]{0,199}";
  };
  headerName = {
    description = "a name of letters, digits, - and _";
    pattern = "[A-Za-z0-9_][A-Za-z0-9_-]*";
  };
  headerValue = {
    description = "an HTTP header value without quotes, \\, $ or braces";
    pattern = "[^\"\\\${}[:cntrl:]]*";
  };
  version = {
    description = "a version such as 1.136.0";
    pattern = "[0-9]+\\.[0-9]+\\.[0-9]+([A-Za-z0-9.+-]*)";
  };
  calendarEvent = {
    description = "a systemd calendar event, such as \"daily\" or \"Mon 04:00\"";
    pattern = "([Mm][Ii][Nn][Uu][Tt][Ee][Ll][Yy]|[Hh][Oo][Uu][Rr][Ll][Yy]|[Dd][Aa][Ii][Ll][Yy]|[Ww][Ee][Ee][Kk][Ll][Yy]|[Mm][Oo][Nn][Tt][Hh][Ll][Yy]|[Qq][Uu][Aa][Rr][Tt][Ee][Rr][Ll][Yy]|(([Ss][Ee][Mm][Ii]|[Bb][Ii])-?)?[Aa][Nn][Nn][Uu][Aa][Ll][Ll][Yy]|[Yy][Ee][Aa][Rr][Ll][Yy]|${day}((,|-|\\.\\.)${day})*|(${day}((,|-|\\.\\.)${day})* +)?(((\\*|0*(19[7-9][0-9]|2[01][0-9]{2}|[0-9]{1,2})(\\.\\.0*(19[7-9][0-9]|2[01][0-9]{2}|[0-9]{1,2}))?(/0*[1-9][0-9]{0,2})?(,0*(19[7-9][0-9]|2[01][0-9]{2}|[0-9]{1,2})(\\.\\.0*(19[7-9][0-9]|2[01][0-9]{2}|[0-9]{1,2}))?(/0*[1-9][0-9]{0,2})?)*)-)?(\\*|0*([1-9]|1[0-2])(\\.\\.0*([1-9]|1[0-2]))?(/0*[1-9][0-9]?)?(,0*([1-9]|1[0-2])(\\.\\.0*([1-9]|1[0-2]))?(/0*[1-9][0-9]?)?)*)[-~](\\*|0*([1-9]|[12][0-9]|3[01])(\\.\\.0*([1-9]|[12][0-9]|3[01]))?(/0*[1-9][0-9]?)?(,0*([1-9]|[12][0-9]|3[01])(\\.\\.0*([1-9]|[12][0-9]|3[01]))?(/0*[1-9][0-9]?)?)*)( +(\\*|0*(1?[0-9]|2[0-3])(\\.\\.0*(1?[0-9]|2[0-3]))?(/0*[1-9][0-9]?)?(,0*(1?[0-9]|2[0-3])(\\.\\.0*(1?[0-9]|2[0-3]))?(/0*[1-9][0-9]?)?)*):(\\*|0*[1-5]?[0-9](\\.\\.0*[1-5]?[0-9])?(/0*[1-9][0-9]?)?(,0*[1-5]?[0-9](\\.\\.0*[1-5]?[0-9])?(/0*[1-9][0-9]?)?)*)(:(\\*|0*[1-5]?[0-9](\\.[0-9]+)?(\\.\\.0*[1-5]?[0-9](\\.[0-9]+)?)?(/[0-9]+(\\.[0-9]+)?)?(,0*[1-5]?[0-9](\\.[0-9]+)?(\\.\\.0*[1-5]?[0-9](\\.[0-9]+)?)?(/[0-9]+(\\.[0-9]+)?)?)*))?)?|(\\*|0*(1?[0-9]|2[0-3])(\\.\\.0*(1?[0-9]|2[0-3]))?(/0*[1-9][0-9]?)?(,0*(1?[0-9]|2[0-3])(\\.\\.0*(1?[0-9]|2[0-3]))?(/0*[1-9][0-9]?)?)*):(\\*|0*[1-5]?[0-9](\\.\\.0*[1-5]?[0-9])?(/0*[1-9][0-9]?)?(,0*[1-5]?[0-9](\\.\\.0*[1-5]?[0-9])?(/0*[1-9][0-9]?)?)*)(:(\\*|0*[1-5]?[0-9](\\.[0-9]+)?(\\.\\.0*[1-5]?[0-9](\\.[0-9]+)?)?(/[0-9]+(\\.[0-9]+)?)?(,0*[1-5]?[0-9](\\.[0-9]+)?(\\.\\.0*[1-5]?[0-9](\\.[0-9]+)?)?(/[0-9]+(\\.[0-9]+)?)?)*))?))( [A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*)?";
  };
  mode = {
    description = "permissions in octal, such as \"660\"";
    pattern = "[0-7]{1,4}";
  };
  hostname = {
    description = "a host name or IP address";
    pattern = ".*";
  };
  serverName = {
    description = "the name of a Matrix homeserver, such as example.com, without https:// or a path";
    pattern = "([A-Za-z0-9.-]{1,255}|\\[${ipv6}])(:${port})?";
  };
  hex32 = {
    description = "64 hexadecimal digits";
    pattern = "[0-9a-fA-F]{64}";
  };
  base64Url = {
    description = "base64url without padding";
    pattern = "([A-Za-z0-9_-]{4})*([A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?";
  };
  base64 = {
    description = "base64";
    pattern = "([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?";
  };
  dsn = {
    description = "the DSN of a Sentry project, such as https://key@sentry.example.com/1";
    pattern = "(https?://[^/?#\\@:[:space:]]+(:[^/?#\\@:[:space:]]*)?@${host}(:(${port})?)?(/[^?#[:space:]]*)?/[^/?#[:space:]]+/?)?";
  };
  mailbox = {
    description = "an email address, alone or in angle brackets after a name";
    pattern = "[[:space:]]*(${mailAddress}|(([^][()<>:;@\\,\"[:space:]]+|\"([^\"\\]|\\\\.)*\")[[:space:]]*)*<${mailAddress}>)[[:space:]]*";
  };
  uriWithPassword = {
    description = "a URI that contains a password";
    pattern = "([^:/?#]+://[^/?#@]*:[^/?#@]+@.*|[^?]*\\?(.*&)?password=[^&]+.*)";
  };
  httpUrl = {
    description = "a URL that starts with https:// or http://";
    pattern = "[Hh][Tt][Tt][Pp][Ss]?:.*";
  };
  wildcardUrl = {
    description = "a URL that stands for all addresses of a host";
    pattern = "[Hh][Tt][Tt][Pp][Ss]?://([^/?#@]*@)?(\\[[0:]+]|0+(\\.0+)*)(:[0-9]*)?([/?#].*)?";
  };
  localDatabaseUri = {
    description = "the URI of a database on this host";
    pattern = "[^:]*://([^@/]*@)?(localhost|127\\.0\\.0\\.1|\\[::1])?(:[0-9]+)?/.*";
  };
  loopback = {
    description = "a loopback address";
    pattern = "(https?://)?(localhost|127\\.[0-9.]+|\\[::1])(:[0-9]+)?/?";
  };
  socketDatabaseUri = {
    description = "the URI of a database that uses a Unix socket";
    pattern = "[^:]*:///[^?]*\\?(.*&)?host=(/|%2[Ff]).*";
  };
  runtimeFile = {
    description = "a file in the service's runtime directory";
    pattern = "/run/matrix-authentication-service/.*";
  };
  absolutePath = {
    description = "an absolute path";
    pattern = "/.*";
  };
  credentialSource = {
    description = "a path that systemd can load";
    pattern = "(/([^.%\\/[:cntrl:]][^%\\/[:cntrl:]]*|\\.[^.%\\/[:cntrl:]][^%\\/[:cntrl:]]*|\\.\\.[^%\\/[:cntrl:]]+))+/?";
  };
  servedText = {
    description = "a text without quotes, $, \\, braces and white space";
    pattern = "[^\"'\\$`{}[:space:][:cntrl:]]*";
  };
  openidScope = {
    description = "scopes that include `openid`";
    pattern = "(.* )?openid( .*)?";
  };
}
