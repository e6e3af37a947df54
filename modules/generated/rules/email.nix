# Written by `mas2nix compile` from src/rules and src/schema/email.rs. Do not edit: change that instead.
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
  (refuse "email.username"
    "a user name needs a password. Set `email.password_file`, or leave out `email.username`."
    (
      (settings.email.transport or null) == "smtp"
      && settings ? email.username
      && ((complete && !(settings ? email.password)) && (complete && !(settings ? email.password_file)))
    )
  )
  (refuse "email.username" "a password needs a user name. Set `email.username`." (
    (settings.email.transport or null) == "smtp"
    && (complete && !(settings ? email.username))
    && (settings ? email.password || settings ? email.password_file)
  ))
  (refuse "email.password_file"
    "`password` and `password_file` exclude each other. Keep one of the two."
    (
      (settings.email.transport or null) == "smtp"
      && settings ? email.password
      && settings ? email.password_file
    )
  )
  (refuse "email.mode" "SMTP needs a mode. Set `email.mode` to \"starttls\", \"tls\" or \"plain\"." (
    (settings.email.transport or null) == "smtp" && (complete && !(settings ? email.mode))
  ))
  (refuse "email.hostname" "SMTP needs a server. Set `email.hostname`." (
    (settings.email.transport or null) == "smtp" && (complete && !(settings ? email.hostname))
  ))
  (refuse "email.command" "`command` is for the transport \"sendmail\". Remove it." (
    (settings.email.transport or null) == "smtp" && settings ? email.command
  ))
  (refuse "email.command"
    "the transport \"sendmail\" needs a program. Set `email.command`, such as \"/run/wrappers/bin/sendmail\"."
    ((settings.email.transport or null) == "sendmail" && (complete && !(settings ? email.command)))
  )
  (refuse "email.mode" "`mode` is for the transport \"smtp\". Remove it." (
    (settings.email.transport or null) == "sendmail" && settings ? email.mode
  ))
  (refuse "email.hostname" "`hostname` is for the transport \"smtp\". Remove it." (
    (settings.email.transport or null) == "sendmail" && settings ? email.hostname
  ))
  (refuse "email.port" "`port` is for the transport \"smtp\". Remove it." (
    (settings.email.transport or null) == "sendmail" && settings ? email.port
  ))
  (refuse "email.username" "`username` is for the transport \"smtp\". Remove it." (
    (settings.email.transport or null) == "sendmail" && settings ? email.username
  ))
  (refuse "email.password" "`password` is for the transport \"smtp\". Remove it." (
    (settings.email.transport or null) == "sendmail" && settings ? email.password
  ))
  (refuse "email.from"
    "this is no mail address. Write user@example.com, or \"Name\" <user@example.com>."
    (
      ((settings.email.transport or null) == "smtp" || (settings.email.transport or null) == "sendmail")
      && settings ? email.from
      && !(matches formats.mailbox (settings.email.from or null))
    )
  )
  (refuse "email.reply_to"
    "this is no mail address. Write user@example.com, or \"Name\" <user@example.com>."
    (
      ((settings.email.transport or null) == "smtp" || (settings.email.transport or null) == "sendmail")
      && settings ? email.reply_to
      && !(matches formats.mailbox (settings.email.reply_to or null))
    )
  )
  (refuse "email.transport" "required option missing. Set it." (
    settings ? email && (complete && !(settings ? email.transport))
  ))
  (refuse "email.password_file"
    "this option needs MAS 1.22.0 or newer. Remove it, or use a newer MAS."
    (older "1.22.0" && settings ? email.password_file)
  )
]
