# Written by `mas2nix compile` from src/schema/database.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  uri = lib.mkOption {
    type = types.secret (types.unsetOr lib.types.str);
    description = ''
      Connection URI, used instead of `host`, `port`, `socket`, `username`, `password`
      and `database`. A password in the URI would end up in the Nix store: set the
      individual options and `password_file` instead.
    '';
    example = "postgresql:///mas?host=/run/postgresql";
  };
  host = lib.mkOption {
    type = types.unsetOr types.hostname;
    description = "Host name or IP address of the database server.";
    defaultText = lib.literalMD "the local server's socket";
    example = "db.example.com";
  };
  port = lib.mkOption {
    type = types.unsetOr (lib.types.ints.between 1 65535);
    description = "TCP port of the database server.";
    defaultText = lib.literalMD "5432";
    example = 5432;
  };
  socket = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = "Directory that contains the database server's Unix socket.";
    example = "/run/postgresql";
  };
  username = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = "Role to connect as.";
    defaultText = lib.literalMD "the user that MAS runs as";
    example = "mas";
  };
  password = lib.mkOption {
    type = types.secret (types.unsetOr lib.types.str);
    description = ''
      Password of the role.

      This is a secret. The module rejects it here, because everyone could read it in
      the Nix store. Use `password_file` instead.
    '';
  };
  password_file = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      File that contains the password of the role.

      Needs MAS 1.22.0 or newer.
    '';
    example = "/run/secrets/mas-database-password";
  };
  database = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = "Name of the database. It must not be Synapse's database.";
    defaultText = lib.literalMD "the role's name";
    example = "mas";
  };
  ssl_mode = lib.mkOption {
    type = types.unsetOr (
      lib.types.enum [
        "disable"
        "allow"
        "prefer"
        "require"
        "verify-ca"
        "verify-full"
      ]
    );
    description = ''
      Whether to use TLS, and how strictly to verify the server's certificate. Use
      `verify-full` if the server runs on another host.

      - `"disable"`: No TLS.
      - `"allow"`: TLS only if the server requires it.
      - `"prefer"`: TLS if the server offers it.
      - `"require"`: TLS. Any certificate is accepted.
      - `"verify-ca"`: TLS. The certificate must come from a trusted authority.
      - `"verify-full"`: TLS. The certificate must come from a trusted authority and
        match the server's name.

      Needs MAS 0.10.0 or newer.
    '';
    defaultText = lib.literalMD "`prefer`";
  };
  ssl_ca = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      Certificate of the authority that signed the server's certificate, in PEM
      format.

      Needs MAS 0.10.0 or newer.
    '';
  };
  ssl_ca_file = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      File that contains the certificate of the authority that signed the server's
      certificate.

      Needs MAS 0.10.0 or newer.
    '';
    example = "/etc/ssl/certs/db-ca.pem";
  };
  ssl_certificate = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      Certificate that MAS presents to the server, in PEM format.

      Needs MAS 0.10.0 or newer.
    '';
  };
  ssl_certificate_file = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      File that contains the certificate that MAS presents to the server.

      Needs MAS 0.10.0 or newer.
    '';
    example = "/run/secrets/mas-db.crt";
  };
  ssl_key = lib.mkOption {
    type = types.secret (types.unsetOr lib.types.str);
    description = ''
      Private key of `ssl_certificate`, in PEM format.

      This is a secret. The module rejects it here, because everyone could read it in
      the Nix store. Use `ssl_key_file` instead.

      Needs MAS 0.10.0 or newer.
    '';
  };
  ssl_key_file = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      File that contains the private key of `ssl_certificate`.

      Needs MAS 0.10.0 or newer.
    '';
    example = "/run/secrets/mas-db.key";
  };
  max_connections = lib.mkOption {
    type = lib.types.ints.between 1 4294967295;
    description = ''
      Maximum number of open connections. Each MAS host opens up to this many: the
      total must stay below the server's `max_connections`.
    '';
    defaultText = lib.literalExpression "10";
  };
  min_connections = lib.mkOption {
    type = lib.types.ints.u32;
    description = "Number of connections that MAS keeps open even when it is idle.";
    defaultText = lib.literalExpression "0";
  };
  connect_timeout = lib.mkOption {
    type = lib.types.ints.unsigned;
    description = "Seconds to wait for a connection before giving up.";
    defaultText = lib.literalExpression "30";
  };
  idle_timeout = lib.mkOption {
    type = lib.types.nullOr lib.types.ints.unsigned;
    description = ''
      Seconds after which an idle connection is closed.

      `null`: never close idle connections.
    '';
    defaultText = lib.literalExpression "600";
  };
  max_lifetime = lib.mkOption {
    type = lib.types.nullOr lib.types.ints.unsigned;
    description = ''
      Seconds after which a connection is replaced by a new one.

      `null`: keep connections open forever.
    '';
    defaultText = lib.literalExpression "1800";
  };
}
