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
      How mail leaves the host.

      - `"blackhole"`: Nothing is sent.
      - `"smtp"`: Through an SMTP server.
      - `"sendmail"`: Through a local program.
    '';
  };
  from = lib.mkOption {
    type = lib.types.str;
    description = "Sender of every mail.";
    defaultText = lib.literalExpression "\"\\\"Authentication Service\\\" <root@localhost>\"";
    example = "\"Example Chat\" <noreply@example.com>";
  };
  reply_to = lib.mkOption {
    type = lib.types.str;
    description = "Where answers to a mail go.";
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

      - `"plain"`: None. For a relay on the same host.
      - `"starttls"`: Starts in clear text and switches to TLS.
      - `"tls"`: TLS from the start.
    '';
  };
  hostname = lib.mkOption {
    type = types.unsetOr types.hostname;
    description = "Name or address of the SMTP server.";
    example = "mail.example.com";
  };
  port = lib.mkOption {
    type = types.unsetOr (lib.types.ints.between 1 65535);
    description = "Port of the SMTP server.";
    defaultText = lib.literalMD "25, 465 or 587 for the modes plain, tls and starttls";
  };
  username = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = "User name for the SMTP server.";
  };
  password = lib.mkOption {
    type = types.secret (types.unsetOr lib.types.str);
    description = ''
      Password for the SMTP server.

      A secret: the module refuses it, because everyone could read it in the Nix
      store. Use `password_file`.
    '';
  };
  password_file = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      File with the password for the SMTP server.

      Needs MAS 1.22.0 or newer.
    '';
    example = "/run/secrets/smtp-password";
  };
  command = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = "Program that takes mail as `sendmail` does.";
    example = "/run/wrappers/bin/sendmail";
  };
}
