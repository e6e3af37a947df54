# Written by `mas2nix compile` from src/schema/experimental.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  access_token_ttl = lib.mkOption {
    type = lib.types.ints.between 60 86400;
    description = "Seconds an OAuth 2.0 access token lives before its client has to refresh it.";
    defaultText = lib.literalExpression "300";
  };
  compat_token_ttl = lib.mkOption {
    type = lib.types.ints.between 60 86400;
    description = ''
      Seconds an access token of the old Matrix login lives, for clients that can
      refresh it.
    '';
    defaultText = lib.literalExpression "300";
  };
  inactive_session_expiration = lib.mkOption {
    type = types.unsetOr (
      types.section {
        ttl = lib.mkOption {
          type = lib.types.ints.between 600 7776000;
          description = ''
            Seconds without activity after which a session ends: ten minutes to ninety days.

            Needs MAS 0.14.0 or newer.
          '';
          example = 2592000;
        };
        expire_compat_sessions = lib.mkOption {
          type = lib.types.bool;
          description = ''
            Whether sessions of the old Matrix login end this way.

            Needs MAS 0.14.0 or newer.
          '';
          defaultText = lib.literalExpression "true";
        };
        expire_oauth_sessions = lib.mkOption {
          type = lib.types.bool;
          description = ''
            Whether OAuth 2.0 sessions end this way.

            Needs MAS 0.14.0 or newer.
          '';
          defaultText = lib.literalExpression "true";
        };
        expire_user_sessions = lib.mkOption {
          type = lib.types.bool;
          description = ''
            Whether browser sessions of MAS itself end this way.

            Needs MAS 0.14.0 or newer.
          '';
          defaultText = lib.literalExpression "true";
        };
      }
    );
    description = ''
      End sessions that nobody used for a while. Off unless this section is there.

      Needs MAS 0.14.0 or newer.
    '';
  };
  plan_management_iframe_uri = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      Page to show inside account management as the user's plan. MAS passes it on
      unchecked.

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
            From this many sessions on, whoever logs in with a browser is asked to end one
            first.

            Needs MAS 1.8.0 or newer.
          '';
        };
        hard_limit = lib.mkOption {
          type = lib.types.ints.positive;
          description = ''
            From this many sessions on, every login is refused.

            Needs MAS 1.8.0 or newer.
          '';
        };
        max_session_threshold = lib.mkOption {
          type = types.unsetOr lib.types.ints.positive;
          description = ''
            Accounts with more sessions than this are exempt, so that old bots that log in
            again and again go on working.

            Needs MAS 1.18.0 or newer.
          '';
        };
        dangerous_hard_limit_eviction = lib.mkOption {
          type = lib.types.bool;
          description = ''
            Whether a login beyond `hard_limit` ends the session that was not used for
            longest instead of being refused. The device that loses its session loses its
            encrypted history too, unless it is backed up.

            Needs MAS 1.17.0 or newer.
          '';
          defaultText = lib.literalExpression "false";
        };
      }
    );
    description = ''
      Limit how many sessions a user may have. Off unless this section is there.

      Needs MAS 1.8.0 or newer.
    '';
  };
}
