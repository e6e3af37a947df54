# Written by `mas2nix compile` from src/schema/rate_limiting.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  account_recovery = lib.mkOption {
    type = types.section {
      per_ip = lib.mkOption {
        type = types.section {
          burst = lib.mkOption {
            type = lib.types.ints.between 1 4294967295;
            description = ''
              Number of attempts allowed at once.

              Needs MAS 0.10.0 or newer.
            '';
            example = 3;
          };
          per_second = lib.mkOption {
            type = lib.types.number;
            description = ''
              Number of attempts regained per second: more than 0 and at most 1000000000. One
              attempt per minute is 0.0167.

              Needs MAS 0.10.0 or newer.
            '';
            example = 0.05;
          };
        };
        description = ''
          Limit for each IP address.

          Needs MAS 0.10.0 or newer.
        '';
        defaultText = lib.literalExpression "{ burst = 3; per_second = 0.0008333333333333334; }";
      };
      per_address = lib.mkOption {
        type = types.section {
          burst = lib.mkOption {
            type = lib.types.ints.between 1 4294967295;
            description = ''
              Number of attempts allowed at once.

              Needs MAS 0.10.0 or newer.
            '';
            example = 3;
          };
          per_second = lib.mkOption {
            type = lib.types.number;
            description = ''
              Number of attempts regained per second: more than 0 and at most 1000000000. One
              attempt per minute is 0.0167.

              Needs MAS 0.10.0 or newer.
            '';
            example = 0.05;
          };
        };
        description = ''
          Limit for each email address.

          Needs MAS 0.10.0 or newer.
        '';
        defaultText = lib.literalExpression "{ burst = 3; per_second = 0.0002777777777777778; }";
      };
    };
    description = ''
      Limits on requests for password reset mails.

      Needs MAS 0.10.0 or newer.
    '';
    defaultText = lib.literalExpression "{ per_ip = { burst = 3; per_second = 0.0008333333333333334; }; per_address = { burst = 3; per_second = 0.0002777777777777778; }; }";
  };
  login = lib.mkOption {
    type = types.section {
      per_ip = lib.mkOption {
        type = types.section {
          burst = lib.mkOption {
            type = lib.types.ints.between 1 4294967295;
            description = ''
              Number of attempts allowed at once.

              Needs MAS 0.10.0 or newer.
            '';
            example = 3;
          };
          per_second = lib.mkOption {
            type = lib.types.number;
            description = ''
              Number of attempts regained per second: more than 0 and at most 1000000000. One
              attempt per minute is 0.0167.

              Needs MAS 0.10.0 or newer.
            '';
            example = 0.05;
          };
        };
        description = ''
          Limit for each IP address.

          Needs MAS 0.10.0 or newer.
        '';
        defaultText = lib.literalExpression "{ burst = 3; per_second = 0.05; }";
      };
      per_account = lib.mkOption {
        type = types.section {
          burst = lib.mkOption {
            type = lib.types.ints.between 1 4294967295;
            description = ''
              Number of attempts allowed at once.

              Needs MAS 0.10.0 or newer.
            '';
            example = 3;
          };
          per_second = lib.mkOption {
            type = lib.types.number;
            description = ''
              Number of attempts regained per second: more than 0 and at most 1000000000. One
              attempt per minute is 0.0167.

              Needs MAS 0.10.0 or newer.
            '';
            example = 0.05;
          };
        };
        description = ''
          Limit for each account. Keep it high: otherwise, anyone can lock a user out.

          Needs MAS 0.10.0 or newer.
        '';
        defaultText = lib.literalExpression "{ burst = 1800; per_second = 0.5; }";
      };
    };
    description = ''
      Limits on password attempts, at login or when changing a password.

      Needs MAS 0.10.0 or newer.
    '';
    defaultText = lib.literalExpression "{ per_ip = { burst = 3; per_second = 0.05; }; per_account = { burst = 1800; per_second = 0.5; }; }";
  };
  registration = lib.mkOption {
    type = types.section {
      burst = lib.mkOption {
        type = lib.types.ints.between 1 4294967295;
        description = ''
          Number of attempts allowed at once.

          Needs MAS 0.10.0 or newer.
        '';
        example = 3;
      };
      per_second = lib.mkOption {
        type = lib.types.number;
        description = ''
          Number of attempts regained per second: more than 0 and at most 1000000000. One
          attempt per minute is 0.0167.

          Needs MAS 0.10.0 or newer.
        '';
        example = 0.05;
      };
    };
    description = ''
      Limit on account registrations for each IP address.

      Needs MAS 0.10.0 or newer.
    '';
    defaultText = lib.literalExpression "{ burst = 3; per_second = 0.0008333333333333334; }";
  };
  email_authentication = lib.mkOption {
    type = types.section {
      per_ip = lib.mkOption {
        type = types.section {
          burst = lib.mkOption {
            type = lib.types.ints.between 1 4294967295;
            description = ''
              Number of attempts allowed at once.

              Needs MAS 0.13.0 or newer.
            '';
            example = 3;
          };
          per_second = lib.mkOption {
            type = lib.types.number;
            description = ''
              Number of attempts regained per second: more than 0 and at most 1000000000. One
              attempt per minute is 0.0167.

              Needs MAS 0.13.0 or newer.
            '';
            example = 0.05;
          };
        };
        description = ''
          Limit for each IP address.

          Needs MAS 0.13.0 or newer.
        '';
        defaultText = lib.literalExpression "{ burst = 5; per_second = 0.016666666666666666; }";
      };
      per_address = lib.mkOption {
        type = types.section {
          burst = lib.mkOption {
            type = lib.types.ints.between 1 4294967295;
            description = ''
              Number of attempts allowed at once.

              Needs MAS 0.13.0 or newer.
            '';
            example = 3;
          };
          per_second = lib.mkOption {
            type = lib.types.number;
            description = ''
              Number of attempts regained per second: more than 0 and at most 1000000000. One
              attempt per minute is 0.0167.

              Needs MAS 0.13.0 or newer.
            '';
            example = 0.05;
          };
        };
        description = ''
          Limit for each email address, including mails that are sent again.

          Needs MAS 0.13.0 or newer.
        '';
        defaultText = lib.literalExpression "{ burst = 3; per_second = 0.0002777777777777778; }";
      };
      emails_per_session = lib.mkOption {
        type = types.section {
          burst = lib.mkOption {
            type = lib.types.ints.between 1 4294967295;
            description = ''
              Number of attempts allowed at once.

              Needs MAS 0.13.0 or newer.
            '';
            example = 3;
          };
          per_second = lib.mkOption {
            type = lib.types.number;
            description = ''
              Number of attempts regained per second: more than 0 and at most 1000000000. One
              attempt per minute is 0.0167.

              Needs MAS 0.13.0 or newer.
            '';
            example = 0.05;
          };
        };
        description = ''
          Limit on mails for each verification.

          Needs MAS 0.13.0 or newer.
        '';
        defaultText = lib.literalExpression "{ burst = 2; per_second = 0.0033333333333333335; }";
      };
      attempt_per_session = lib.mkOption {
        type = types.section {
          burst = lib.mkOption {
            type = lib.types.ints.between 1 4294967295;
            description = ''
              Number of attempts allowed at once.

              Needs MAS 0.13.0 or newer.
            '';
            example = 3;
          };
          per_second = lib.mkOption {
            type = lib.types.number;
            description = ''
              Number of attempts regained per second: more than 0 and at most 1000000000. One
              attempt per minute is 0.0167.

              Needs MAS 0.13.0 or newer.
            '';
            example = 0.05;
          };
        };
        description = ''
          Limit on code attempts for each verification.

          Needs MAS 0.13.0 or newer.
        '';
        defaultText = lib.literalExpression "{ burst = 10; per_second = 0.016666666666666666; }";
      };
    };
    description = ''
      Limits on verifying an email address.

      Needs MAS 0.13.0 or newer.
    '';
    defaultText = lib.literalExpression "{ per_ip = { burst = 5; per_second = 0.016666666666666666; }; per_address = { burst = 3; per_second = 0.0002777777777777778; }; emails_per_session = { burst = 2; per_second = 0.0033333333333333335; }; attempt_per_session = { burst = 10; per_second = 0.016666666666666666; }; }";
  };
}
