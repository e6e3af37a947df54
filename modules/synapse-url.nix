# The URL of Synapse's first listener for clients without TLS, such as "http://127.0.0.1:8008"; null if there
# is none. src/migrate/synapse_config implements the same in Rust, and both are tested with
# tests/fixtures/synapse-listeners.yaml.
{ lib }:
listeners:
let
  isForClients =
    listener:
    (listener.port or null) != null
    && (listener.tls or null) != true
    && lib.any (resource: lib.elem "client" (resource.names or [ ])) (listener.resources or [ ]);
  listener = lib.findFirst isForClients null listeners;

  addresses = if listener.bind_addresses or null == null then [ ] else listener.bind_addresses;
  bound = lib.head (addresses ++ lib.toList (listener.bind_address or [ ]) ++ [ "" ]);
  host =
    {
      "" = "127.0.0.1";
      "0.0.0.0" = "127.0.0.1";
      "::" = "[::1]";
    }
    .${bound} or (if lib.hasInfix ":" bound then "[${bound}]" else bound);
in
if listener == null then null else "http://${host}:${toString listener.port}"
