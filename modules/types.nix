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
  inherit (lib) mkOptionType showOption;
  inherit (lib.modules) mergeDefinitions;

  inherit (import ./formats.nix) formats matches;

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
in
mapAttrs (_: text) formats
// {
  # A package stands for the directory that it is.
  filePath = lib.types.coercedTo lib.types.package toString (text formats.filePath);

  # A closed set of options, of which only those that are set appear in the result. A submodule
  # would do the same at several times the cost, because it evaluates every option that it declares.
  section =
    options:
    hide (mkOptionType {
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
                if length defs == 1 && isPlain first && accepts type first then
                  { value = first; }
                else
                  (mergeDefinitions (loc ++ [ name ]) type defs).optionalValue
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
          isSet =
            name: option: option ? value && (option.value != null || !(options.${name}.type.unset or false));
        in
        mapAttrs (_: option: option.value) (lib.filterAttrs isSet merged);
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
    });

  list = item: hide (lib.types.listOf item);

  # `null` is the same as leaving the option out.
  unsetOr =
    type:
    lib.types.nullOr type
    // {
      unset = true;
      accepts = value: value == null || accepts type value;
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
