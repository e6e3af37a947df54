# Written by `mas2nix compile` from src/deploy/routes.rs. Do not edit: change that instead.
{ lib, cfg, ... }:
let
  inherit (import ../formats.nix) formats matches;
in
{
  nginx =
    lib.optionalAttrs (cfg.routes.host != null) {
      mas = {
        host = cfg.routes.host;
        text = lib.concatLines [
          "location ${cfg.routes.path} {"
          "    proxy_pass ${"http://matrix-authentication-service${if cfg.routes.path == "/" then "" else "/"}"};"
          "    proxy_http_version 1.1;"
          "    proxy_set_header Host $host;"
          "    proxy_set_header X-Forwarded-For $remote_addr;"
          "    proxy_set_header X-Forwarded-Proto $scheme;"
          "}"
        ];
      };
    }
    // lib.optionalAttrs (cfg.routes.matrixHost != null) {
      matrix = {
        host = cfg.routes.matrixHost;
        text = lib.concatLines (
          lib.optionals (!cfg.migration.enable) [
            "location ~ ^/_matrix/client/(api/)?[^/]+/(login|logout|refresh)(/.*)?$ {"
            "    proxy_pass http://matrix-authentication-service;"
            "    proxy_http_version 1.1;"
            "    proxy_set_header Host $host;"
            "    proxy_set_header X-Forwarded-For $remote_addr;"
            "    proxy_set_header X-Forwarded-Proto $scheme;"
            "}"
          ]
          ++ lib.optional cfg.migration.enable "include ${"${cfg.migration.directory}/nginx.conf"};"
          ++ [
            "location /_matrix/ {"
            "    proxy_pass ${cfg.routes.synapse};"
            "    proxy_http_version 1.1;"
            "    proxy_set_header Host $host;"
            "    proxy_set_header X-Forwarded-For $remote_addr;"
            "    proxy_set_header X-Forwarded-Proto $scheme;"
            "    client_max_body_size 100M;"
            "}"
            "location /_synapse/client/ {"
            "    proxy_pass ${cfg.routes.synapse};"
            "    proxy_http_version 1.1;"
            "    proxy_set_header Host $host;"
            "    proxy_set_header X-Forwarded-For $remote_addr;"
            "    proxy_set_header X-Forwarded-Proto $scheme;"
            "    client_max_body_size 100M;"
            "}"
          ]
          ++ lib.optionals cfg.routes.synapseAdmin [
            "location /_synapse/admin/ {"
            "    proxy_pass ${cfg.routes.synapse};"
            "    proxy_http_version 1.1;"
            "    proxy_set_header Host $host;"
            "    proxy_set_header X-Forwarded-For $remote_addr;"
            "    proxy_set_header X-Forwarded-Proto $scheme;"
            "    client_max_body_size 100M;"
            "}"
          ]
          ++ [
            "location /_synapse/ {"
            "    return 404;"
            "}"
          ]
        );
      };
    }
    //
      lib.optionalAttrs
        (
          cfg.routes.wellKnown
          && cfg.routes.matrixHost != null
          && matches formats.domainName (cfg.settings.matrix.homeserver or null)
        )
        {
          well-known = {
            host = cfg.settings.matrix.homeserver;
            text = lib.concatLines (
              [
                "location = /.well-known/matrix/client {"
                "    default_type application/json;"
                "    add_header Access-Control-Allow-Origin * always;"
              ]
              ++ (map (
                entry: "    add_header ${entry.name} \"${entry.value}\" always;"
              ) cfg.computed.wellKnownHeaders)
              ++ [
                "    return 200 '${"{\"m.homeserver\":{\"base_url\":\"https://${cfg.routes.matrixHost}/\"}${if cfg.migration.enable then "" else ",\"org.matrix.msc2965.authentication\":{\"issuer\":\"${if (cfg.settings.http.issuer or null) != null then cfg.settings.http.issuer else cfg.settings.http.public_base}\",\"account\":\"${cfg.settings.http.public_base}account/\"}"}${lib.concatStringsSep "" (map (entry: ",${entry.text}") cfg.computed.wellKnownClient)}}"}';"
                "}"
                "location = /.well-known/matrix/server {"
                "    default_type application/json;"
                "    add_header Access-Control-Allow-Origin * always;"
              ]
              ++ (map (
                entry: "    add_header ${entry.name} \"${entry.value}\" always;"
              ) cfg.computed.wellKnownHeaders)
              ++ [
                "    return 200 '${"{\"m.server\":\"${cfg.routes.matrixHost}:443\"}"}';"
                "}"
              ]
            );
          };
        };
  nginxHttp = lib.concatLines (
    [
      "upstream matrix-authentication-service {"
      "    server ${cfg.computed.upstream.nginx} max_fails=0;"
      "    server ${cfg.computed.upstream.nginx} max_fails=0;"
      "}"
    ]
    ++ lib.optionals (cfg.routes.internal != null) (
      [
        "server {"
        (
          if matches formats.absolutePath cfg.routes.internal then
            "    listen unix:${cfg.routes.internal};"
          else
            "    listen ${cfg.routes.internal};"
        )
      ]
      ++ lib.optionals (!cfg.migration.enable) [
        "location ~ ^/_matrix/client/(api/)?[^/]+/(login|logout|refresh)(/.*)?$ {"
        "    proxy_pass http://matrix-authentication-service;"
        "    proxy_http_version 1.1;"
        "    proxy_set_header Host $host;"
        "    proxy_set_header X-Forwarded-For $remote_addr;"
        "    proxy_set_header X-Forwarded-Proto $scheme;"
        "}"
      ]
      ++ lib.optional cfg.migration.enable "include ${"${cfg.migration.directory}/nginx.conf"};"
      ++ [
        "location /_matrix/ {"
        "    proxy_pass ${cfg.routes.synapse};"
        "    proxy_http_version 1.1;"
        "    proxy_set_header Host $host;"
        "    proxy_set_header X-Forwarded-For $remote_addr;"
        "    proxy_set_header X-Forwarded-Proto $scheme;"
        "    client_max_body_size 100M;"
        "}"
        "location /_synapse/client/ {"
        "    proxy_pass ${cfg.routes.synapse};"
        "    proxy_http_version 1.1;"
        "    proxy_set_header Host $host;"
        "    proxy_set_header X-Forwarded-For $remote_addr;"
        "    proxy_set_header X-Forwarded-Proto $scheme;"
        "    client_max_body_size 100M;"
        "}"
      ]
      ++ lib.optionals cfg.routes.synapseAdmin [
        "location /_synapse/admin/ {"
        "    proxy_pass ${cfg.routes.synapse};"
        "    proxy_http_version 1.1;"
        "    proxy_set_header Host $host;"
        "    proxy_set_header X-Forwarded-For $remote_addr;"
        "    proxy_set_header X-Forwarded-Proto $scheme;"
        "    client_max_body_size 100M;"
        "}"
      ]
      ++ [
        "location /_synapse/ {"
        "    return 404;"
        "}"
        "}"
      ]
    )
  );
  caddy =
    lib.optionalAttrs (cfg.routes.host != null) {
      mas = {
        host = cfg.routes.host;
        text = lib.concatLines [
          "route {"
          "\thandle_path ${cfg.routes.path}* {"
          "\t\treverse_proxy ${cfg.computed.upstream.caddy} {"
          "\t\t\tlb_try_duration 5s"
          "\t\t}"
          "\t}"
          "}"
        ];
      };
    }
    // lib.optionalAttrs (cfg.routes.matrixHost != null) {
      matrix = {
        host = cfg.routes.matrixHost;
        text = lib.concatLines (
          [ "route {" ]
          ++ lib.optionals (!cfg.migration.enable) [
            "\t@compat path_regexp ^/_matrix/client/(api/)?[^/]+/(login|logout|refresh)(/.*)?$"
            "\thandle @compat {"
            "\t\treverse_proxy ${cfg.computed.upstream.caddy} {"
            "\t\t\tlb_try_duration 5s"
            "\t\t}"
            "\t}"
          ]
          ++ lib.optional cfg.migration.enable "\timport ${"${cfg.migration.directory}/caddy.conf"}"
          ++ [
            "\thandle /_matrix/* {"
            "\t\treverse_proxy ${cfg.routes.synapse} {"
            "\t\t\tlb_try_duration 5s"
            "\t\t}"
            "\t}"
            "\thandle /_synapse/client/* {"
            "\t\treverse_proxy ${cfg.routes.synapse} {"
            "\t\t\tlb_try_duration 5s"
            "\t\t}"
            "\t}"
          ]
          ++ lib.optionals cfg.routes.synapseAdmin [
            "\thandle /_synapse/admin/* {"
            "\t\treverse_proxy ${cfg.routes.synapse} {"
            "\t\t\tlb_try_duration 5s"
            "\t\t}"
            "\t}"
          ]
          ++ [
            "\thandle /_synapse/* {"
            "\t\trespond 404"
            "\t}"
            "}"
          ]
        );
      };
    }
    //
      lib.optionalAttrs
        (
          cfg.routes.wellKnown
          && cfg.routes.matrixHost != null
          && matches formats.domainName (cfg.settings.matrix.homeserver or null)
        )
        {
          well-known = {
            host = cfg.settings.matrix.homeserver;
            text = lib.concatLines (
              [
                "route {"
                "\thandle /.well-known/matrix/client {"
                "\t\theader Content-Type application/json"
                "\t\theader Access-Control-Allow-Origin *"
              ]
              ++ (map (entry: "\t\theader ${entry.name} \"${entry.value}\"") cfg.computed.wellKnownHeaders)
              ++ [
                "\t\trespond `${"{\"m.homeserver\":{\"base_url\":\"https://${cfg.routes.matrixHost}/\"}${if cfg.migration.enable then "" else ",\"org.matrix.msc2965.authentication\":{\"issuer\":\"${if (cfg.settings.http.issuer or null) != null then cfg.settings.http.issuer else cfg.settings.http.public_base}\",\"account\":\"${cfg.settings.http.public_base}account/\"}"}${lib.concatStringsSep "" (map (entry: ",${entry.text}") cfg.computed.wellKnownClient)}}"}`"
                "\t}"
                "\thandle /.well-known/matrix/server {"
                "\t\theader Content-Type application/json"
                "\t\theader Access-Control-Allow-Origin *"
              ]
              ++ (map (entry: "\t\theader ${entry.name} \"${entry.value}\"") cfg.computed.wellKnownHeaders)
              ++ [
                "\t\trespond `${"{\"m.server\":\"${cfg.routes.matrixHost}:443\"}"}`"
                "\t}"
                "}"
              ]
            );
          };
        };
}
