# Written by `mas2nix compile` from src/schema/secrets.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  encryption = lib.mkOption {
    type = types.secret (types.unsetOr types.hex32);
    description = ''
      Key that encrypts cookies and columns of the database: 32 bytes as 64
      hexadecimal digits. Never change it: what it encrypted is lost then.

      A secret: the module refuses it, because everyone could read it in the Nix
      store. Use `encryption_file`.
    '';
  };
  encryption_file = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      File with the key that encrypts cookies and columns of the database. `openssl
      rand -hex 32` makes one.

      Needs MAS 0.17.0 or newer.
    '';
    example = "/run/secrets/mas-encryption";
  };
  keys = lib.mkOption {
    type = types.unsetOr (
      types.list (
        types.section {
          kid = lib.mkOption {
            type = types.unsetOr lib.types.str;
            description = "What identifies the key to clients.";
            defaultText = lib.literalMD "the key's SHA-256 thumbprint";
          };
          key = lib.mkOption {
            type = types.secret (types.unsetOr lib.types.str);
            description = ''
              The key in PEM form.

              A secret: the module refuses it, because everyone could read it in the Nix
              store. Use `key_file`.
            '';
          };
          key_file = lib.mkOption {
            type = types.unsetOr lib.types.str;
            description = "File with the key, in PEM or DER form.";
            example = "/run/secrets/mas-rsa-key";
          };
          password = lib.mkOption {
            type = types.secret (types.unsetOr lib.types.str);
            description = ''
              Password that decrypts the key.

              A secret: the module refuses it, because everyone could read it in the Nix
              store. Use `password_file`.
            '';
          };
          password_file = lib.mkOption {
            type = types.unsetOr lib.types.str;
            description = "File with the password that decrypts the key.";
          };
        }
      )
    );
    description = "Keys that sign tokens. There should be an RSA key, which OpenID Connect demands.";
  };
  keys_dir = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      Directory whose files are all keys that sign tokens, none of them encrypted.
      Adds to `keys`.

      Needs MAS 1.7.0 or newer.
    '';
    example = "/var/lib/secrets/mas-keys";
  };
}
