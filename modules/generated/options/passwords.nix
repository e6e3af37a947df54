# Written by `mas2nix compile` from src/schema/passwords.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  enabled = lib.mkOption {
    type = lib.types.bool;
    description = ''
      Whether users can log in with a password. Without, only upstream providers
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
            Number of the scheme. MAS stores it beside each hash: never change it, never use
            it twice. Passwords that came from Synapse have version 1.
          '';
        };
        algorithm = lib.mkOption {
          type = lib.types.enum [
            "bcrypt"
            "argon2id"
            "pbkdf2"
          ];
          description = ''
            The hash function.

            - `"bcrypt"`: What Synapse uses.
            - `"argon2id"`: What new passwords should use.
            - `"pbkdf2"`: For hashes that came from elsewhere.
          '';
        };
        unicode_normalization = lib.mkOption {
          type = lib.types.bool;
          description = ''
            Whether to bring a password into Unicode's form NFKC before hashing it. Synapse
            does, so set it for passwords that came from there, and leave it off otherwise.

            Needs MAS 0.17.0 or newer.
          '';
          defaultText = lib.literalExpression "false";
        };
        cost = lib.mkOption {
          type = types.unsetOr lib.types.ints.u32;
          description = "Cost of bcrypt: one more doubles the time.";
          defaultText = lib.literalExpression "12";
        };
        secret = lib.mkOption {
          type = types.secret (types.unsetOr lib.types.str);
          description = ''
            A secret that goes into every hash ("pepper"). Synapse's
            `password_config.pepper` for passwords that came from there.

            A secret: the module refuses it, because everyone could read it in the Nix
            store. Use `secret_file`.
          '';
        };
        secret_file = lib.mkOption {
          type = types.unsetOr lib.types.str;
          description = "File with the secret that goes into every hash.";
          example = "/run/secrets/synapse-pepper";
        };
      }
    );
    description = ''
      How passwords are hashed. The scheme with the highest version hashes new
      passwords; the others check old ones, which move to the newest scheme at the
      user's next login.
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
      How hard to guess a new password has to be, as zxcvbn scores it: 0 is anything,
      4 is very hard.

      Needs MAS 0.10.0 or newer.
    '';
    defaultText = lib.literalExpression "3";
  };
}
