# MAS's own defaults that nixpkgs' module also declares, so that other modules read them. They are shown, but
# not written to MAS's configuration.
settings:
let
  database = settings.database or { };
in
{
  database = {
    ${if (database.host or null) != null || (database.socket or null) != null then null else "uri"} =
      "postgresql:///matrix-authentication-service?host=/run/postgresql";
    max_connections = 10;
    min_connections = 0;
    connect_timeout = 30;
    # `null` means "no limit" here.
    ${if database ? idle_timeout then null else "idle_timeout"} = 600;
    ${if database ? max_lifetime then null else "max_lifetime"} = 1800;
  };
  matrix = {
    homeserver = "localhost:8008";
    endpoint = "http://localhost:8008/";
  };
  passwords = {
    enabled = true;
    schemes = [
      {
        version = 1;
        algorithm = "argon2id";
      }
    ];
    minimum_complexity = 3;
  };
  upstream_oauth2.providers = [ ];
}
