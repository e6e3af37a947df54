# Written by `mas2nix compile` from src/schema/experimental.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  access_token_ttl = lib.mkOption {
    type = lib.types.ints.between 60 86400;
    description = ''
      Lifetime of OAuth 2.0 access tokens, in seconds. Clients must refresh expired
      tokens.
    '';
    defaultText = lib.literalExpression "300";
  };
  compat_token_ttl = lib.mkOption {
    type = lib.types.ints.between 60 86400;
    description = ''
      Lifetime of access tokens of the legacy Matrix login, in seconds, for clients
      that can refresh them.
    '';
    defaultText = lib.literalExpression "300";
  };
  inactive_session_expiration = lib.mkOption {
    type = types.unsetOr (
      types.section {
        ttl = lib.mkOption {
          type = lib.types.ints.between 600 7776000;
          description = ''
            Seconds of inactivity after which a session ends, from ten minutes to ninety
            days.

            Needs MAS 0.14.0 or newer.
          '';
          example = 2592000;
        };
        expire_compat_sessions = lib.mkOption {
          type = lib.types.bool;
          description = ''
            Whether to end inactive sessions of the legacy Matrix login.

            Needs MAS 0.14.0 or newer.
          '';
          defaultText = lib.literalExpression "true";
        };
        expire_oauth_sessions = lib.mkOption {
          type = lib.types.bool;
          description = ''
            Whether to end inactive OAuth 2.0 sessions.

            Needs MAS 0.14.0 or newer.
          '';
          defaultText = lib.literalExpression "true";
        };
        expire_user_sessions = lib.mkOption {
          type = lib.types.bool;
          description = ''
            Whether to end inactive browser sessions of MAS itself.

            Needs MAS 0.14.0 or newer.
          '';
          defaultText = lib.literalExpression "true";
        };
      }
    );
    description = ''
      Ends inactive sessions. Disabled unless this section is set.

      Needs MAS 0.14.0 or newer.
    '';
  };
  plan_management_iframe_uri = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      URL of a page to embed in account management as the user's plan. MAS does not
      check it.

      Needs MAS 0.17.0 or newer.
    '';
    example = "https://example.com/plan";
  };
  session_limit = lib.mkOption {
    type = types.unsetOr (
      types.section {
        soft_limit = lib.mkOption {
          type = lib.types.ints.positive;
          description = ''
            Number of sessions from which a user who logs in with a browser is asked to end
            one first.

            Needs MAS 1.8.0 or newer.
          '';
          example = 30;
        };
        hard_limit = lib.mkOption {
          type = lib.types.ints.positive;
          description = ''
            Number of sessions from which every login is refused.

            Needs MAS 1.8.0 or newer.
          '';
          example = 100;
        };
        max_session_threshold = lib.mkOption {
          type = types.unsetOr lib.types.ints.positive;
          description = ''
            Accounts with more sessions than this are exempt from the limits, so that old
            bots that log in repeatedly keep working.

            Needs MAS 1.18.0 or newer.
          '';
          example = 1000;
        };
        dangerous_hard_limit_eviction = lib.mkOption {
          type = lib.types.bool;
          description = ''
            Whether a login beyond `hard_limit` ends the least recently used session instead
            of being refused. The device that loses its session also loses its encrypted
            history, unless that is backed up.

            Needs MAS 1.17.0 or newer.
          '';
          defaultText = lib.literalExpression "false";
        };
      }
    );
    description = ''
      Limits the number of sessions per user. Disabled unless this section is set.

      Needs MAS 1.8.0 or newer.
    '';
  };
}
