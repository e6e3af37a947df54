# Written by `mas2nix compile` from src/schema/http.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  public_base = lib.mkOption {
    type = types.url;
    description = "Public URL of MAS. Links on pages and in mails, and redirects, start with it.";
    example = "https://auth.example.com/";
  };
  issuer = lib.mkOption {
    type = types.unsetOr types.url;
    description = ''
      The issuer that MAS advertises to OpenID Connect clients. Clients remember it:
      do not change it once users have logged in.
    '';
    defaultText = lib.literalMD "the value of `public_base`";
    example = "https://auth.example.com/";
  };
  listeners = lib.mkOption {
    type = types.list (
      types.section {
        name = lib.mkOption {
          type = types.unsetOr lib.types.str;
          description = "Name of the listener in logs and metrics.";
          example = "web";
        };
        resources = lib.mkOption {
          type = types.list (
            types.section {
              name = lib.mkOption {
                type = lib.types.enum [
                  "health"
                  "prometheus"
                  "discovery"
                  "human"
                  "graphql"
                  "oauth"
                  "compat"
                  "assets"
                  "adminapi"
                  "connection-info"
                ];
                description = ''
                  The resource to serve.

                  - `"health"`: Health check under `/health`: whether MAS runs and reaches its
                    database. Keep it internal.
                  - `"prometheus"`: Metrics under `/metrics`, if `telemetry.metrics.exporter` is
                    `"prometheus"`. Keep it internal.
                  - `"discovery"`: OpenID Connect discovery under `/.well-known/`. Synapse needs
                    it.
                  - `"human"`: The pages that users see.
                  - `"graphql"`: The GraphQL API, which the pages use.
                  - `"oauth"`: The OAuth 2.0 endpoints. Synapse needs them.
                  - `"compat"`: The legacy Matrix login, for clients that do not support OAuth
                    2.0.
                  - `"assets"`: Style sheets and scripts of the pages.
                  - `"adminapi"`: The admin REST API, under `/api/admin/v1/`. Needs MAS 0.10.0 or
                    newer.
                  - `"connection-info"`: Information about the connection, for debugging.
                '';
              };
              playground = lib.mkOption {
                type = lib.types.bool;
                description = ''
                  Whether to serve GraphiQL, a page for trying out the GraphQL API. Only for
                  `graphql`.
                '';
                defaultText = lib.literalExpression "false";
              };
              undocumented_oauth2_access = lib.mkOption {
                type = lib.types.bool;
                description = ''
                  Whether OAuth 2.0 access tokens give access to the GraphQL API, which upstream
                  does not support. Only for `graphql`.

                  Needs MAS 0.10.0 or newer.
                '';
                defaultText = lib.literalExpression "false";
              };
              path = lib.mkOption {
                type = lib.types.str;
                description = "Directory that contains the style sheets and scripts. Only for `assets`.";
                defaultText = lib.literalMD "provided by the package";
              };
            }
          );
          description = "Resources that the listener serves.";
          example = [
            { name = "discovery"; }
            { name = "human"; }
            { name = "oauth"; }
          ];
        };
        prefix = lib.mkOption {
          type = types.unsetOr lib.types.str;
          description = "Path under which the listener serves all its resources.";
          example = "/auth";
        };
        binds = lib.mkOption {
          type = types.list (
            types.section {
              host = lib.mkOption {
                type = types.unsetOr lib.types.str;
                description = "Host name or IP address to listen on, together with `port`.";
                defaultText = lib.literalMD "all addresses";
                example = "localhost";
              };
              port = lib.mkOption {
                type = lib.types.ints.u16;
                description = "TCP port to listen on.";
                example = 8080;
              };
              address = lib.mkOption {
                type = types.socketAddress;
                description = "IP address and TCP port to listen on.";
                example = "127.0.0.1:8080";
              };
              socket = lib.mkOption {
                type = lib.types.str;
                description = "Path of a Unix socket to listen on.";
                example = "/run/matrix-authentication-service/web.sock";
              };
              mode = lib.mkOption {
                type = types.unsetOr types.mode;
                description = ''
                  Permissions of `socket` in octal, as a string. They determine who may connect.

                  Needs MAS 1.22.0 or newer.
                '';
                defaultText = lib.literalMD "determined by the umask";
                example = "660";
              };
              fd = lib.mkOption {
                type = lib.types.ints.unsigned;
                description = "Index of the socket among those passed by systemd, starting at 0.";
                defaultText = lib.literalExpression "0";
              };
              kind = lib.mkOption {
                type = lib.types.enum [
                  "unix"
                  "tcp"
                ];
                description = ''
                  Type of the socket `fd`.

                  - `"unix"`: A Unix socket.
                  - `"tcp"`: A TCP socket.
                '';
                defaultText = lib.literalExpression "\"tcp\"";
              };
            }
          );
          description = "Sockets to listen on.";
          example = [ { address = "127.0.0.1:8080"; } ];
        };
        proxy_protocol = lib.mkOption {
          type = lib.types.bool;
          description = "Whether connections start with a PROXY protocol header, as HAProxy sends it.";
          defaultText = lib.literalExpression "false";
        };
        tls = lib.mkOption {
          type = types.unsetOr (
            types.section {
              certificate = lib.mkOption {
                type = types.unsetOr lib.types.str;
                description = "Certificate chain in PEM format.";
              };
              certificate_file = lib.mkOption {
                type = types.unsetOr lib.types.str;
                description = "File that contains the certificate chain in PEM format.";
                example = "/var/lib/acme/auth.example.com/fullchain.pem";
              };
              key = lib.mkOption {
                type = types.secret (types.unsetOr lib.types.str);
                description = ''
                  Private key in PEM format.

                  This is a secret. The module rejects it here, because everyone could read it in
                  the Nix store. Use `key_file` instead.
                '';
              };
              key_file = lib.mkOption {
                type = types.unsetOr lib.types.str;
                description = "File that contains the private key, in PEM or DER format.";
                example = "/var/lib/acme/auth.example.com/key.pem";
              };
              password = lib.mkOption {
                type = types.secret (types.unsetOr lib.types.str);
                description = ''
                  Password that decrypts the private key.

                  This is a secret. The module rejects it here, because everyone could read it in
                  the Nix store. Use `password_file` instead.
                '';
              };
              password_file = lib.mkOption {
                type = types.unsetOr lib.types.str;
                description = "File that contains the password that decrypts the private key.";
                example = "/run/secrets/mas-tls-password";
              };
            }
          );
          description = "TLS for this listener. Not needed behind a reverse proxy on the same host.";
        };
      }
    );
    description = ''
      Where MAS listens, and what it serves there. If the `http` section is present,
      these listeners replace the default ones.
    '';
    defaultText = lib.literalExpression "[ ]";
  };
  trusted_proxies = lib.mkOption {
    type = types.list types.ipNetwork;
    description = "Reverse proxies whose `X-Forwarded-For` header MAS trusts.";
    defaultText = lib.literalExpression "[ \"192.168.0.0/16\" \"172.16.0.0/12\" \"10.0.0.0/10\" \"127.0.0.1/8\" \"fd00::/8\" \"::1/128\" ]";
    example = [
      "127.0.0.1/8"
      "::1/128"
    ];
  };
}
