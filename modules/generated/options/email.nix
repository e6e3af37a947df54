# Written by `mas2nix compile` from src/schema/email.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  transport = lib.mkOption {
    type = lib.types.enum [
      "blackhole"
      "smtp"
      "sendmail"
    ];
    description = ''
      How to send mail.

      - `"blackhole"`: Discard all mail.
      - `"smtp"`: Send mail through an SMTP server.
      - `"sendmail"`: Send mail through a local program.
    '';
  };
  from = lib.mkOption {
    type = lib.types.str;
    description = "Sender of all mails.";
    defaultText = lib.literalExpression "\"\\\"Authentication Service\\\" <root@localhost>\"";
    example = "\"Example Chat\" <noreply@example.com>";
  };
  reply_to = lib.mkOption {
    type = lib.types.str;
    description = "Address for replies to these mails.";
    defaultText = lib.literalExpression "\"\\\"Authentication Service\\\" <root@localhost>\"";
    example = "\"Help desk\" <help@example.com>";
  };
  mode = lib.mkOption {
    type = types.unsetOr (
      lib.types.enum [
        "plain"
        "starttls"
        "tls"
      ]
    );
    description = ''
      Encryption of the SMTP connection.

      - `"plain"`: No encryption, for a relay on the same host.
      - `"starttls"`: Start unencrypted, then switch to TLS.
      - `"tls"`: Use TLS from the start.
    '';
  };
  hostname = lib.mkOption {
    type = types.unsetOr types.hostname;
    description = "Host name or IP address of the SMTP server.";
    example = "mail.example.com";
  };
  port = lib.mkOption {
    type = types.unsetOr (lib.types.ints.between 1 65535);
    description = "Port of the SMTP server.";
    defaultText = lib.literalMD "25, 465 or 587 for the modes plain, tls and starttls";
    example = 587;
  };
  username = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = "User name for the SMTP server.";
    example = "mas@example.com";
  };
  password = lib.mkOption {
    type = types.secret (types.unsetOr lib.types.str);
    description = ''
      Password for the SMTP server.

      This is a secret. The module rejects it here, because everyone could read it in
      the Nix store. Use `password_file` instead.
    '';
  };
  password_file = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      File that contains the password for the SMTP server.

      Needs MAS 1.22.0 or newer.
    '';
    example = "/run/secrets/smtp-password";
  };
  command = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = "Program that sends mail, compatible with `sendmail`.";
    example = "/run/wrappers/bin/sendmail";
  };
}
