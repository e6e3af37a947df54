# Written by `mas2nix compile` from src/schema/passwords.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  enabled = lib.mkOption {
    type = lib.types.bool;
    description = ''
      Whether users can log in with a password. Otherwise, only upstream providers
      remain.
    '';
    defaultText = lib.literalExpression "true";
  };
  schemes = lib.mkOption {
    type = types.list (
      types.section {
        version = lib.mkOption {
          type = lib.types.ints.u16;
          description = ''
            Version number of the scheme. MAS stores it with each hash: do not change or
            reuse it. Passwords imported from Synapse have version 1.
          '';
          example = 1;
        };
        algorithm = lib.mkOption {
          type = lib.types.enum [
            "bcrypt"
            "argon2id"
            "pbkdf2"
          ];
          description = ''
            Hash function.

            - `"bcrypt"`: Used by Synapse.
            - `"argon2id"`: Recommended for new passwords.
            - `"pbkdf2"`: For hashes from other systems.
          '';
        };
        unicode_normalization = lib.mkOption {
          type = lib.types.bool;
          description = ''
            Whether to normalize passwords to Unicode NFKC before hashing them. Synapse does
            this: enable it for passwords imported from Synapse, and leave it disabled
            otherwise.

            Needs MAS 0.17.0 or newer.
          '';
          defaultText = lib.literalExpression "false";
        };
        cost = lib.mkOption {
          type = types.unsetOr lib.types.ints.u32;
          description = "Cost of bcrypt. Each increment doubles the time.";
          defaultText = lib.literalExpression "12";
        };
        secret = lib.mkOption {
          type = types.secret (types.unsetOr lib.types.str);
          description = ''
            Secret that goes into every hash (pepper). For passwords imported from Synapse,
            use Synapse's `password_config.pepper`.

            This is a secret. The module rejects it here, because everyone could read it in
            the Nix store. Use `secret_file` instead.
          '';
        };
        secret_file = lib.mkOption {
          type = types.unsetOr lib.types.str;
          description = "File that contains the secret that goes into every hash.";
          example = "/run/secrets/synapse-pepper";
        };
      }
    );
    description = ''
      Schemes for hashing passwords. The scheme with the highest version hashes new
      passwords. The others verify existing passwords, which are rehashed with that
      scheme at the user's next login.
    '';
    defaultText = lib.literalExpression "[ { version = 1; algorithm = \"argon2id\"; } ]";
    example = [
      {
        version = 1;
        algorithm = "bcrypt";
        unicode_normalization = true;
        secret_file = "/run/secrets/synapse-pepper";
      }
      {
        version = 2;
        algorithm = "argon2id";
      }
    ];
  };
  minimum_complexity = lib.mkOption {
    type = lib.types.ints.between 0 4;
    description = ''
      Minimum strength of new passwords as a zxcvbn score, from 0 (any password) to 4
      (very hard to guess).

      Needs MAS 0.10.0 or newer.
    '';
    defaultText = lib.literalExpression "3";
  };
}
