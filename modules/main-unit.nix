# An administrator's additions to MAS's own unit, `systemd.services.matrix-authentication-service`, as far
# as other units need them to run MAS's programs with the same secrets.
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

  isSetting = variable: hasPrefix "MAS_" variable && variable != "MAS_CONFIG";

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

  # Directives that determine what a process can read, besides its credentials.
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
  # Other units have the same credentials in their own directories.
  inOwnDirectory =
    value:
    if lib.isString value then
      lib.replaceStrings [ "/run/credentials/${name}.service" ] [ "%d" ] value
    else
      value;
  # The name and path of a credential that is a file.
  fileParts = line: if lib.hasInfix "%" line then null else builtins.match "([^:]+):(/.*)" line;
in
{
  # Whether environment variables may contain settings.
  bringsSettings =
    list "EnvironmentFile" != [ ]
    || lib.any (lib.hasInfix "MAS_") (map toString (list "Environment"))
    || lib.any isSetting (lib.attrNames (lib.filterAttrs (_: value: value != null) main.environment));

  user = toString serviceConfig.User;
  group = toString serviceConfig.Group;

  problems =
    # The capability has no effect in a user namespace.
    lib.optional
      (
        list "AmbientCapabilities" != [ ]
        && list "AmbientCapabilities" != [ "" ]
        && serviceConfig.PrivateUsers == true
      )
      "systemd.services.${name}.serviceConfig.AmbientCapabilities: they have no effect while `PrivateUsers` is true. Set that to false too."
    # MAS cannot start with these variables: it interprets this one as `http.public.base`.
    ++ map (
      variable:
      "systemd.services.${name}.environment.${variable}: MAS interprets it as `http.public.base` and does not start. Instead, set `services.${name}.settings.http.public_base`."
    ) (lib.filter (variable: variable == "MAS_HTTP_PUBLIC_BASE") (lib.attrNames main.environment));

  # Units that are ordered both before and after MAS; Synapse's target comes after its units.
  cycles = lib.intersectLists main.after (
    main.before
    ++ lib.optional (lib.any (hasPrefix "matrix-synapse") main.before) "matrix-synapse.target"
  );

  # Whether commands of MAS's own unit may create files before it starts.
  makesFiles = main.preStart != "";

  # For a unit that inherits "order" or "everything".
  order = lib.genAttrs [ "after" "requires" "wants" ] addedOrder;
  everything = {
    environment = lib.mapAttrs (_: value: lib.mkDefault (inOwnDirectory value)) variables;
    serviceConfig = lib.getAttrs (given environment) serviceConfig // {
      LoadCredential = addedCredentials;
    };
  };

  # The same for `systemd-run`, without the credentials that are files.
  properties =
    map (line: "LoadCredential=${line}") (lib.filter (line: fileParts line == null) addedCredentials)
    ++ lib.concatMap (directive: map (value: "${directive}=${toString value}") (list directive)) (
      given environment
    )
    ++ lib.mapAttrsToList (
      variable: value: "Environment=${builtins.toJSON "${variable}=${toString value}"}"
    ) (lib.filterAttrs (_: value: value != null) variables);

  # The files among the added credentials, by name.
  credentialFiles = lib.listToAttrs (
    map (parts: lib.nameValuePair (lib.head parts) (lib.last parts)) (
      lib.filter (parts: parts != null) (map fileParts addedCredentials)
    )
  );

  # Whether MAS's unit has a credential of this name. A directory becomes several files, whose names start
  # with its name.
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
