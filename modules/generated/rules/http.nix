# Written by `mas2nix compile` from src/rules and src/schema/http.rs. Do not edit: change that instead.
{
  lib,
  rules,
  settings,
  complete,
  older,
}:
let
  inherit (rules)
    each
    refuse
    matches
    formats
    ;
in
lib.concatLists [
  (refuse "http.listeners"
    "MAS would not listen anywhere, because an `http` section replaces its default listeners. Add at least one listener."
    (
      settings ? http
      && (
        (complete && !(settings ? http.listeners)) || (complete && (settings.http.listeners or null) == [ ])
      )
    )
  )
  (refuse "http.public_base"
    "this URL stands for all addresses of a host, and clients such as Element X cannot use it. Set it to the public URL of MAS, such as \"https://auth.example.com/\"."
    (matches formats.wildcardUrl (settings.http.public_base or null))
  )
  (refuse "http.issuer"
    "this URL stands for all addresses of a host, and clients such as Element X cannot use it. Set it to the public URL of MAS, such as \"https://auth.example.com/\"."
    (matches formats.wildcardUrl (settings.http.issuer or null))
  )
  (refuse "http.public_base"
    "required option missing. Set it; see `mas2nix explain http.public_base`."
    (settings ? http && (complete && !(settings ? http.public_base)))
  )
  (each "http.listeners" (settings.http.listeners or [ ]) (
    at: listener: earlier: [
      (refuse "${at}.resources"
        "the listener serves nothing. Add at least one resource, such as one with the `name` \"human\"."
        ((listener.resources or null) == [ ])
      )
      (refuse "${at}.binds"
        "the listener has no sockets. Add at least one socket, such as one with the `address` \"127.0.0.1:8080\"."
        ((listener.binds or null) == [ ])
      )
      (refuse "${at}.tls" "TLS requires a certificate. Set `certificate_file`." (
        listener ? tls && (!(listener ? tls.certificate) && !(listener ? tls.certificate_file))
      ))
      (refuse "${at}.tls" "TLS requires a private key. Set `key_file`." (
        listener ? tls && (!(listener ? tls.key) && !(listener ? tls.key_file))
      ))
      (refuse "${at}.tls.certificate_file"
        "`certificate` and `certificate_file` cannot both be set. Remove one of them."
        (listener ? tls.certificate && listener ? tls.certificate_file)
      )
      (refuse "${at}.tls.key_file" "`key` and `key_file` cannot both be set. Remove one of them." (
        listener ? tls.key && listener ? tls.key_file
      ))
      (refuse "${at}.tls.password_file"
        "`password` and `password_file` cannot both be set. Remove one of them."
        (listener ? tls.password && listener ? tls.password_file)
      )
      (refuse "${at}.resources"
        "required option missing. Set it; see `mas2nix explain http.listeners[].resources`."
        (!(listener ? resources))
      )
      (refuse "${at}.binds"
        "required option missing. Set it; see `mas2nix explain http.listeners[].binds`."
        (!(listener ? binds))
      )
      (each "${at}.resources" (listener.resources or [ ]) (
        at: resource: earlier: [
          (refuse "${at}.name"
            "required option missing. Set it; see `mas2nix explain http.listeners[].resources[].name`."
            (!(resource ? name))
          )
          (refuse "${at}.name"
            "this value requires MAS 0.10.0 or newer. Use another value, or a newer version of MAS."
            (older "0.10.0" && (resource.name or null) == "adminapi")
          )
          (refuse "${at}.playground"
            "this option is only for `name` \"graphql\". Remove it, or change `name`."
            (resource ? name && (resource.name or null) != "graphql" && resource ? playground)
          )
          (refuse "${at}.undocumented_oauth2_access"
            "this option is only for `name` \"graphql\". Remove it, or change `name`."
            (resource ? name && (resource.name or null) != "graphql" && resource ? undocumented_oauth2_access)
          )
          (refuse "${at}.undocumented_oauth2_access"
            "this option requires MAS 0.10.0 or newer. Remove it, or use a newer version of MAS."
            (older "0.10.0" && resource ? undocumented_oauth2_access)
          )
          (refuse "${at}.path" "this option is only for `name` \"assets\". Remove it, or change `name`." (
            resource ? name && (resource.name or null) != "assets" && resource ? path
          ))
        ]
      ))
      (each "${at}.binds" (listener.binds or [ ]) (
        at: bind: earlier: [
          (refuse "${at}.mode"
            "this option requires MAS 1.22.0 or newer. Remove it, or use a newer version of MAS."
            (older "1.22.0" && bind ? mode)
          )
          (refuse at
            "the entry is empty. Use one of these forms: `port` with or without `host`; `address`; `socket` with or without `mode`; `fd` with or without `kind`."
            (
              !(bind ? host)
              && !(bind ? port)
              && !(bind ? address)
              && !(bind ? socket)
              && !(bind ? mode)
              && !(bind ? fd)
              && !(bind ? kind)
            )
          )
          (refuse at
            "the entry mixes several forms; MAS would use one of them and ignore the other options. Use only one of these forms: `port` with or without `host`; `address`; `socket` with or without `mode`; `fd` with or without `kind`."
            (
              ((bind ? host || bind ? port) && bind ? address)
              || ((bind ? host || bind ? port) && (bind ? socket || bind ? mode))
              || ((bind ? host || bind ? port) && (bind ? fd || bind ? kind))
              || (bind ? address && (bind ? socket || bind ? mode))
              || (bind ? address && (bind ? fd || bind ? kind))
              || ((bind ? socket || bind ? mode) && (bind ? fd || bind ? kind))
            )
          )
          (refuse "${at}.port" "`host` requires this option. Set it." (bind ? host && !(bind ? port)))
          (refuse "${at}.socket" "`mode` requires this option. Set it." (bind ? mode && !(bind ? socket)))
        ]
      ))
    ]
  ))
]
