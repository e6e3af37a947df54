# Written by `mas2nix compile` from src/schema/secrets.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  encryption = lib.mkOption {
    type = types.secret (types.unsetOr types.hex32);
    description = ''
      Key that encrypts cookies and database columns: 32 bytes as 64 hexadecimal
      digits. Do not change it: everything encrypted with it would be lost.

      This is a secret. The module rejects it here, because everyone could read it in
      the Nix store. Use `encryption_file` instead.
    '';
  };
  encryption_file = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      File that contains the key that encrypts cookies and database columns. `openssl
      rand -hex 32` generates a key.

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
            description = "ID by which clients identify the key.";
            defaultText = lib.literalMD "the key's SHA-256 thumbprint";
            example = "signing-2026";
          };
          key = lib.mkOption {
            type = types.secret (types.unsetOr lib.types.str);
            description = ''
              The key in PEM format.

              This is a secret. The module rejects it here, because everyone could read it in
              the Nix store. Use `key_file` instead.
            '';
          };
          key_file = lib.mkOption {
            type = types.unsetOr lib.types.str;
            description = "File that contains the key, in PEM or DER format.";
            example = "/run/secrets/mas-rsa-key";
          };
          password = lib.mkOption {
            type = types.secret (types.unsetOr lib.types.str);
            description = ''
              Password that decrypts the key.

              This is a secret. The module rejects it here, because everyone could read it in
              the Nix store. Use `password_file` instead.
            '';
          };
          password_file = lib.mkOption {
            type = types.unsetOr lib.types.str;
            description = "File that contains the password that decrypts the key.";
            example = "/run/secrets/mas-key-password";
          };
        }
      )
    );
    description = ''
      Keys that sign tokens. One of them should be an RSA key, which OpenID Connect
      requires.
    '';
  };
  keys_dir = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      Directory with additional keys that sign tokens. Every file in it must be an
      unencrypted key.

      Needs MAS 1.7.0 or newer.
    '';
    example = "/var/lib/secrets/mas-keys";
  };
}
