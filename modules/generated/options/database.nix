# Written by `mas2nix compile` from src/schema/database.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  uri = lib.mkOption {
    type = types.secret (types.unsetOr lib.types.str);
    description = ''
      The whole connection as one URI, in place of `host`, `port`, `socket`,
      `username`, `password` and `database`. A password in it would lie in the Nix
      store: give the parts and `password_file` instead.
    '';
    example = "postgresql:///mas?host=/run/postgresql";
  };
  host = lib.mkOption {
    type = types.unsetOr types.hostname;
    description = "Name or address of the database server.";
    defaultText = lib.literalMD "the local server's socket";
  };
  port = lib.mkOption {
    type = types.unsetOr (lib.types.ints.between 1 65535);
    description = "TCP port of the database server.";
    defaultText = lib.literalMD "5432";
  };
  socket = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = "Directory of the database server's Unix socket.";
    example = "/run/postgresql";
  };
  username = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = "Role to connect as.";
    defaultText = lib.literalMD "the user MAS runs as";
  };
  password = lib.mkOption {
    type = types.secret (types.unsetOr lib.types.str);
    description = ''
      Password of the role.

      A secret: the module refuses it, because everyone could read it in the Nix
      store. Use `password_file`.
    '';
  };
  password_file = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      File with the password of the role.

      Needs MAS 1.22.0 or newer.
    '';
    example = "/run/secrets/mas-database-password";
  };
  database = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = "Name of the database. Never the one Synapse uses.";
    defaultText = lib.literalMD "the role's name";
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
      Whether to use TLS, and how much of the server's certificate to check. Use
      `verify-full` for a server on another host.

      - `"disable"`: No TLS.
      - `"allow"`: TLS only if the server insists.
      - `"prefer"`: TLS if the server offers it.
      - `"require"`: TLS, with any certificate.
      - `"verify-ca"`: TLS, with a certificate of a known authority.
      - `"verify-full"`: TLS, with a certificate of a known authority that names the
        server.

      Needs MAS 0.10.0 or newer.
    '';
    defaultText = lib.literalMD "`prefer`";
  };
  ssl_ca = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      Certificate of the authority that signed the server's one, in PEM form.

      Needs MAS 0.10.0 or newer.
    '';
  };
  ssl_ca_file = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      File with the certificate of the authority that signed the server's one.

      Needs MAS 0.10.0 or newer.
    '';
  };
  ssl_certificate = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      Certificate that MAS shows to the server, in PEM form.

      Needs MAS 0.10.0 or newer.
    '';
  };
  ssl_certificate_file = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      File with the certificate that MAS shows to the server.

      Needs MAS 0.10.0 or newer.
    '';
  };
  ssl_key = lib.mkOption {
    type = types.secret (types.unsetOr lib.types.str);
    description = ''
      Private key of `ssl_certificate`, in PEM form.

      A secret: the module refuses it, because everyone could read it in the Nix
      store. Use `ssl_key_file`.

      Needs MAS 0.10.0 or newer.
    '';
  };
  ssl_key_file = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      File with the private key of `ssl_certificate`.

      Needs MAS 0.10.0 or newer.
    '';
  };
  max_connections = lib.mkOption {
    type = lib.types.ints.between 1 4294967295;
    description = ''
      How many connections MAS opens at most. Several MAS hosts open that many each;
      stay below the server's `max_connections`.
    '';
    defaultText = lib.literalExpression "10";
  };
  min_connections = lib.mkOption {
    type = lib.types.ints.u32;
    description = "How many connections MAS keeps open even when it is idle.";
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

      `null` means: never close an idle connection.
    '';
    defaultText = lib.literalExpression "600";
  };
  max_lifetime = lib.mkOption {
    type = lib.types.nullOr lib.types.ints.unsigned;
    description = ''
      Seconds after which a connection is replaced by a new one.

      `null` means: keep a connection for ever.
    '';
    defaultText = lib.literalExpression "1800";
  };
}
