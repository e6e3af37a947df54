# Written by `mas2nix compile` from src/rules and src/schema/email.rs. Do not edit: change that instead.
{
  lib,
  rules,
  settings,
  complete,
  older,
}:
let
  inherit (rules) refuse matches formats;
in
lib.concatLists [
  (refuse "email.username"
    "a user name requires a password. Set `email.password_file`, or remove `email.username`."
    (
      (settings.email.transport or null) == "smtp"
      && settings ? email.username
      && ((complete && !(settings ? email.password)) && (complete && !(settings ? email.password_file)))
    )
  )
  (refuse "email.username" "a password requires a user name. Set `email.username`." (
    (settings.email.transport or null) == "smtp"
    && (complete && !(settings ? email.username))
    && (settings ? email.password || settings ? email.password_file)
  ))
  (refuse "email.password_file"
    "`password` and `password_file` cannot both be set. Remove one of them."
    (
      (settings.email.transport or null) == "smtp"
      && settings ? email.password
      && settings ? email.password_file
    )
  )
  (refuse "email.mode"
    "the transport \"smtp\" requires a mode. Set `email.mode` to \"starttls\", \"tls\" or \"plain\"."
    ((settings.email.transport or null) == "smtp" && (complete && !(settings ? email.mode)))
  )
  (refuse "email.hostname" "the transport \"smtp\" requires a server. Set `email.hostname`." (
    (settings.email.transport or null) == "smtp" && (complete && !(settings ? email.hostname))
  ))
  (refuse "email.command" "`command` is only for the transport \"sendmail\". Remove it." (
    (settings.email.transport or null) == "smtp" && settings ? email.command
  ))
  (refuse "email.command"
    "the transport \"sendmail\" requires a program. Set `email.command`, for example to \"/run/wrappers/bin/sendmail\"."
    ((settings.email.transport or null) == "sendmail" && (complete && !(settings ? email.command)))
  )
  (refuse "email.mode" "`mode` is only for the transport \"smtp\". Remove it." (
    (settings.email.transport or null) == "sendmail" && settings ? email.mode
  ))
  (refuse "email.hostname" "`hostname` is only for the transport \"smtp\". Remove it." (
    (settings.email.transport or null) == "sendmail" && settings ? email.hostname
  ))
  (refuse "email.port" "`port` is only for the transport \"smtp\". Remove it." (
    (settings.email.transport or null) == "sendmail" && settings ? email.port
  ))
  (refuse "email.username" "`username` is only for the transport \"smtp\". Remove it." (
    (settings.email.transport or null) == "sendmail" && settings ? email.username
  ))
  (refuse "email.password" "`password` is only for the transport \"smtp\". Remove it." (
    (settings.email.transport or null) == "sendmail" && settings ? email.password
  ))
  (refuse "email.from"
    "this is not an email address. Write user@example.com, or \"Name\" <user@example.com>."
    (
      ((settings.email.transport or null) == "smtp" || (settings.email.transport or null) == "sendmail")
      && settings ? email.from
      && !(matches formats.mailbox (settings.email.from or null))
    )
  )
  (refuse "email.reply_to"
    "this is not an email address. Write user@example.com, or \"Name\" <user@example.com>."
    (
      ((settings.email.transport or null) == "smtp" || (settings.email.transport or null) == "sendmail")
      && settings ? email.reply_to
      && !(matches formats.mailbox (settings.email.reply_to or null))
    )
  )
  (refuse "email.transport" "required option missing. Set it; see `mas2nix explain email.transport`."
    (settings ? email && (complete && !(settings ? email.transport)))
  )
  (refuse "email.password_file"
    "this option requires MAS 1.22.0 or newer. Remove it, or use a newer version of MAS."
    (older "1.22.0" && settings ? email.password_file)
  )
]
