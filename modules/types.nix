# The types of the generated options.
{ lib }:
let
  inherit (builtins)
    all
    attrNames
    head
    isAttrs
    length
    mapAttrs
    zipAttrsWith
    ;
  inherit (lib) mkOptionType;
  inherit (lib.modules) mergeDefinitions;

  inherit (import ./formats.nix) formats matches;

  # `a.b[0].c`: the notation of rules and of MAS itself for list entries.
  showOption =
    loc:
    lib.removePrefix "." (
      lib.concatMapStrings (
        part: if lib.hasPrefix "[" part then part else ".${lib.showOption [ part ]}"
      ) loc
    );

  filesOf = defs: lib.concatMapStringsSep ", " (def: "`${def.file}'") defs;

  unknown =
    options: loc: name: defs:
    let
      distance = lib.strings.levenshtein name;
      isClose = candidate: distance candidate <= lib.max 2 (lib.stringLength candidate / 3);
      close = lib.take 3 (lib.sortOn distance (builtins.filter isClose (attrNames options)));
      quoted = lib.concatMapStringsSep ", " (candidate: "`${candidate}'");
    in
    throw "The option `${showOption (loc ++ [ name ])}' does not exist. It is set in ${filesOf defs}. ${
      if close != [ ] then "Did you mean ${quoted close}?" else "There are ${quoted (attrNames options)}."
    }";

  mistyped =
    loc: type: defs:
    throw "A definition for option `${showOption loc}' is not of type `${type.description}'. Definition values:${lib.options.showDefs defs}";

  text =
    format:
    lib.types.str
    // {
      name = "str";
      inherit (format) description;
      descriptionClass = "noun";
      check = matches format;
    };

  accepts = type: type.accepts or type.check;

  # Like the type, but does not show a value of another type, because it may contain a secret.
  hide =
    type:
    type
    // {
      accepts = type.check;
      check = _: true;
      merge =
        loc: defs:
        if all (def: type.check def.value) defs then
          type.merge loc defs
        else
          throw "A definition for option `${showOption loc}' is not of type `${type.description}'. It is set in ${filesOf defs}.";
    };

  # Most options are scalars with one plain definition, which needs no merging.
  isPlain = value: !isAttrs value && !builtins.isList value;

  # `null` is the same as leaving the option out.
  unsetOr =
    type:
    lib.types.nullOr type
    // {
      unset = true;
      accepts = value: value == null || accepts type value;
      prune = prune type;
    };

  # The same with the description of the type, for options without a null type of their own.
  withNull =
    type: if type.unset or false then type else unsetOr type // { inherit (type) description; };

  # The value if every definition is disabled. It differs from `null`, which may have a meaning.
  absent._type = "absent";
  isMissing = value: value == null || (isAttrs value && value._type or "" == "absent");

  # The value without unset options.
  prune = type: value: if isMissing value then value else (type.prune or lib.id) value;

  # Whether a merged value is set: `null` is, if it has its own meaning.
  isSaid =
    type: value:
    if value == null then
      accepts type null && !(type.unset or false)
    else
      !isMissing value && (value != "" || !(type.unsetIfEmpty or false));

  # Whether a list entry exists.
  isEntry =
    entry:
    if isAttrs entry.value && entry.value ? _type then
      let
        merged = mergeDefinitions [ ] lib.types.raw [ entry ];
      in
      merged.isDefined && merged.mergedValue != null
    else
      entry.value != null;
in
mapAttrs (_: text) formats
// {
  # A package is its directory.
  filePath = lib.types.coercedTo lib.types.package toString (text formats.filePath);
  configFile = lib.types.coercedTo lib.types.package toString (text formats.configFile);

  # A closed set of options, of which only those that are set appear in the result. A submodule
  # would do the same at several times the cost, because it evaluates every option that it declares.
  section =
    options:
    hide (
      mkOptionType {
        name = "section";
        description = "section";
        descriptionClass = "noun";
        check = isAttrs;
        emptyValue.value = { };
        merge =
          loc: defs:
          let
            merged =
              zipAttrsWith
                (
                  name: defs:
                  let
                    inherit (options.${name} or (unknown options loc name defs)) type;
                    first = (head defs).value;
                  in
                  if length defs == 1 && isPlain first && (first == null || accepts type first) then
                    { value = first; }
                  else if length defs == 1 && isPlain first && !type.check first then
                    mistyped (loc ++ [ name ]) type defs
                  else
                    (mergeDefinitions (loc ++ [ name ]) (withNull type) defs).optionalValue
                )
                (
                  map (
                    def:
                    mapAttrs (_: value: {
                      inherit (def) file;
                      inherit value;
                    }) def.value
                  ) defs
                );
          in
          # Does not test whether an option is set: its value may refer to another one.
          mapAttrs (_: option: option.value or absent) merged;
        getSubOptions =
          prefix:
          mapAttrs (
            name: option:
            option
            // {
              loc = prefix ++ [ name ];
              declarations = [ (builtins.unsafeGetAttrPos name options).file ];
            }
          ) options;
      }
      // {
        # The value of an unknown option is an error.
        prune =
          value:
          lib.filterAttrs
            (name: value: if options ? ${name} then isSaid options.${name}.type value else !isMissing value)
            (
              mapAttrs (name: value: if options ? ${name} then prune options.${name}.type value else value) value
            );
      }
    );

  # A list whose entries are identified by their index. `null` entries are left out, as in nixpkgs'
  # module.
  list =
    item:
    hide (
      lib.types.listOf item
      // {
        merge =
          loc: defs:
          let
            entries = lib.concatMap (
              def:
              map (value: {
                inherit (def) file;
                inherit value;
              }) def.value
            ) defs;
          in
          lib.imap0 (i: entry: (mergeDefinitions (loc ++ [ "[${toString i}]" ]) item [ entry ]).mergedValue) (
            builtins.filter isEntry entries
          );
        prune = map (prune item);
      }
    );

  # A map whose names are texts of a type.
  named =
    name: type:
    type
    // {
      merge =
        loc: defs:
        let
          wrong = builtins.filter (key: !name.check key) (lib.concatMap (def: attrNames def.value) defs);
        in
        if wrong == [ ] then
          type.merge loc defs
        else
          throw "The name `${head wrong}' in option `${showOption loc}' is not ${name.description}. It is set in ${filesOf defs}.";
    };

  inherit isMissing prune unsetOr;

  # In nixpkgs' module, the default is an empty string, which means unset.
  unsetIfEmpty =
    type:
    type
    // {
      check = value: value == "" || type.check value;
      unsetIfEmpty = true;
    };

  # Definitions may be functions of module arguments, or files, as for a submodule.
  module =
    arguments: type:
    let
      call =
        function:
        let
          wanted = lib.functionArgs function;
        in
        function (if wanted == { } then arguments else builtins.intersectAttrs wanted arguments);
      # The sets that a definition evaluates to.
      plain =
        value:
        if lib.isFunction value then
          plain (call value)
        else if builtins.isPath value then
          plain (import value)
        else if isModule value then
          lib.concatMap plain (value.imports or [ ])
          ++ plain (value.config or (removeAttrs value [ "imports" ]))
        else
          [ value ];
      isModule =
        value:
        lib.isFunction value
        || builtins.isPath value
        || (isAttrs value && (value ? imports || value ? config));
    in
    type
    // {
      check = value: isModule value || type.check value;
      merge =
        loc: defs:
        (mergeDefinitions loc type (
          lib.concatMap (def: map (value: def // { inherit value; }) (plain def.value)) defs
        )).mergedValue;
    };

  # Like the type, but no message shows the value.
  secret =
    type:
    hide (
      type
      // {
        merge =
          loc: defs:
          let
            first = (head defs).value;
          in
          if all (def: def.value == first) defs then
            first
          else
            throw "The option `${showOption loc}' has conflicting values. It is set in ${filesOf defs}.";
      }
    );

  # Any JSON value. Sets are merged and lists are joined, as MAS merges its files.
  json =
    let
      type =
        lib.types.nullOr (
          lib.types.oneOf [
            lib.types.bool
            lib.types.int
            lib.types.float
            lib.types.str
            (lib.types.attrsOf type)
            (lib.types.listOf type)
          ]
        )
        // {
          description = "JSON value";
          descriptionClass = "noun";
        };
    in
    type;
}
