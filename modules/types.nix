# The option types that generated options are made of.
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

  # `a.b[0].c`, as rules and MAS itself name the entry of a list.
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

  # Like the type, but a value of another type is not shown: there may be a secret in it.
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

  # A scalar with one plain definition needs no merging, which is most of what people write.
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

  # The same under the name of the type, for any option that has none of `null` by itself.
  withNull =
    type: if type.unset or false then type else unsetOr type // { inherit (type) description; };

  # Where every definition is switched off. It is told from `null`, which may have a meaning.
  absent._type = "absent";
  isMissing = value: value == null || (isAttrs value && value._type or "" == "absent");

  # The value without what says nothing.
  prune = type: value: if isMissing value then value else (type.prune or lib.id) value;

  # Whether a merged value says anything: `null` does where it has a meaning of its own.
  isSaid =
    type: value:
    if value == null then
      accepts type null && !(type.unset or false)
    else
      !isMissing value && (value != "" || !(type.unsetIfEmpty or false));

  # What is there at all of a list's entries.
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
  # A package stands for the directory that it is.
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
          # Whether an option says anything is not asked here: its value may refer to another one.
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
        # An unknown option has an error for its value.
        prune =
          value:
          lib.filterAttrs
            (name: value: if options ? ${name} then isSaid options.${name}.type value else !isMissing value)
            (
              mapAttrs (name: value: if options ? ${name} then prune options.${name}.type value else value) value
            );
      }
    );

  # A list whose entries go by their index in it. A `null` among them is left out, as nixpkgs' module
  # does.
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

  inherit isMissing prune unsetOr;

  # nixpkgs' module has an empty text for the default: the same as leaving the option out.
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
      # The sets that a definition comes to.
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

  # Anything JSON can say. Sets merge and lists are joined, as MAS does with its files.
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
