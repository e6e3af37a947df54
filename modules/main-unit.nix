# What an administrator adds to MAS's own unit, `systemd.services.matrix-authentication-service`, and
# what other units need of it: they run MAS's programs with the same secrets.
{
  lib,
  name,
  # The services of NixOS.
  services,
  # Our own declarations of all units, and the credentials of MAS's unit among them.
  units,
  credentials,
}:
let
  inherit (lib) hasPrefix;
  main = services.${name};
  inherit (main) serviceConfig;

  isSetting = hasPrefix "MAS_";

  list = directive: lib.toList serviceConfig.${directive} or [ ];
  given = lib.filter (directive: serviceConfig ? ${directive});

  ourUnits =
    lib.concatMap
      (kind: map (unit: "${unit}.${lib.removeSuffix "s" kind}") (lib.attrNames units.${kind}))
      [
        "services"
        "sockets"
        "timers"
      ];
  addedOrder =
    relation:
    lib.subtractLists (ourUnits ++ units.services.${name}.${relation} or [ ]) main.${relation};
  addedCredentials = lib.subtractLists credentials (list "LoadCredential");

  # Directives that decide what a process can read, beside its credentials.
  environment = [
    "BindPaths"
    "BindReadOnlyPaths"
    "Environment"
    "EnvironmentFile"
    "ImportCredential"
    "LoadCredentialEncrypted"
    "SetCredential"
    "SetCredentialEncrypted"
    "SupplementaryGroups"
  ];
  # NixOS gives every service these.
  variables = removeAttrs main.environment [
    "LOCALE_ARCHIVE"
    "PATH"
    "TZDIR"
  ];
in
{
  # Whether variables of the environment may bring settings.
  bringsSettings =
    serviceConfig ? EnvironmentFile
    || lib.any (lib.hasInfix "MAS_") (map toString (list "Environment"))
    || lib.any isSetting (lib.attrNames main.environment);

  user = toString serviceConfig.User;
  group = toString serviceConfig.Group;

  # Units that are said to be started both before and after MAS.
  cycles = lib.intersectLists main.after main.before;

  # For a unit that inherits "order" or "everything".
  order = lib.genAttrs [ "after" "requires" "wants" ] addedOrder;
  everything = {
    environment = lib.mapAttrs (_: lib.mkDefault) variables;
    serviceConfig = lib.getAttrs (given environment) serviceConfig // {
      LoadCredential = addedCredentials;
    };
  };

  # The same for `systemd-run`, without the credentials that are files.
  properties =
    lib.concatMap (directive: map (value: "${directive}=${toString value}") (list directive)) (
      given environment
    )
    ++ lib.mapAttrsToList (variable: value: "Environment=${variable}=${toString value}") (
      lib.filterAttrs (_: value: value != null) variables
    );

  # The files among the added credentials, by name.
  credentialFiles = lib.listToAttrs (
    lib.concatMap (
      line:
      let
        parts = builtins.match "([^:]+):(/.*)" line;
      in
      lib.optional (parts != null) (lib.nameValuePair (lib.head parts) (lib.last parts))
    ) addedCredentials
  );

  # Whether MAS's unit has a credential of this name. One that is a directory becomes files with its
  # name before theirs.
  hasCredential =
    credential:
    let
      names = map (line: lib.head (lib.splitString ":" line)) (
        lib.concatMap list [
          "LoadCredential"
          "LoadCredentialEncrypted"
          "SetCredential"
          "SetCredentialEncrypted"
        ]
      );
    in
    list "ImportCredential" != [ ]
    || lib.any (known: known == credential || hasPrefix "${known}_" credential) names;
}
