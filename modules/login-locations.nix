# Finds locations of the administrator's in nginx that could keep logins from MAS. nginx takes the location with
# exactly the path of a request (`=`); else the one with the longest prefix, if it has `^~`; else the first regular
# expression that matches. NixOS writes `locations` before `extraConfig`, which has the module's own.
{ lib }:
let
  # What clients request, and what the regular expression of the module's own location matches.
  paths =
    lib.concatMap
      (
        version:
        map (endpoint: "/_matrix/client/${version}/${endpoint}") [
          "login"
          "login/cas/ticket"
          "login/get_token"
          "login/sso/redirect"
          "login/sso/redirect/oidc"
          "logout"
          "logout/all"
          "refresh"
        ]
      )
      [
        "api/v1"
        "r0"
        "unstable"
        "v1"
        "v3"
      ];

  # Nix has POSIX's regular expressions, nginx has Perl's. These are valid and mean the same in both; of all others
  # it is not known what they match.
  isPortable =
    expression:
    let
      set = "\\[\\^?(a-z|A-Z|0-9|[a-zA-Z0-9/_.@%])+-?]";
      depth = lib.foldl' (
        depth: character:
        if depth < 0 then
          depth
        else if character == "(" then
          depth + 1
        else if character == ")" then
          depth - 1
        else
          depth
      ) 0 (lib.stringToCharacters expression);
    in
    builtins.match "([a-zA-Z0-9/_.,:;=@%()|^$*+?-]|\\\\[.]|${set})*" expression != null
    && builtins.match ".*([(|^$*+?][*+?]|[(|][|)]).*" "(${expression})" == null
    && depth == 0;
  couldMatch =
    expression:
    let
      portable = lib.replaceStrings [ "(?:" "\\/" ] [ "(" "/" ] expression;
    in
    !isPortable portable || lib.any (path: builtins.match ".*(${portable}).*" path != null) paths;

  explain =
    option: location:
    let
      parts = builtins.match "(=|\\^~|~[*]?|)[[:space:]]*(.*)" location;
      modifier = lib.head parts;
      place = lib.last parts;
      keepsLogins =
        {
          "=" = lib.elem place paths;
          # The longer of two prefixes counts, and the module's own is `/_matrix/`.
          "^~" = lib.hasPrefix "/_matrix/" place && lib.any (lib.hasPrefix place) paths;
          "~" = couldMatch place;
          "~*" = couldMatch (lib.toLower place);
          "" = false;
        }
        .${modifier};
    in
    lib.optional keepsLogins (
      if lib.hasPrefix "~" modifier then
        "${option}: nginx takes the first regular expression that matches, which is this one before that of `services.matrix-authentication-service.routes`, so it could keep logins from MAS. Remove it, or move it to `extraConfig` of this host, with `lib.mkAfter`."
      else
        "${option}: nginx prefers this location to the regular expression of `services.matrix-authentication-service.routes`, so it would keep logins from MAS. Remove it."
    );
in
# The problems of a virtual host whose `extraConfig` has this text of the module.
text: host:
let
  lines = lib.splitString "\n" host.extraConfig;
  isOwn = line: line == lib.head (lib.splitString "\n" text);
  before = lib.take (lib.lists.findFirstIndex isOwn 0 lines) lines;
  opened =
    line:
    let
      found = builtins.match "[[:space:]]*location[[:space:]]+(.*[^[:space:]])[[:space:]]*[{].*" line;
    in
    lib.optionals (found != null) found;
in
lib.concatMap (location: explain "locations.\"${location}\"" location) (
  lib.attrNames host.locations
)
++ lib.concatMap (location: explain "extraConfig (location ${location})" location) (
  lib.concatMap opened before
)
