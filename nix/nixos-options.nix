# A table of options: name, type, default, and whether they are read-only, separated by tabs. Of the
# options of a system it has those that `declared`, another tree of options, has as well, with all below.
{
  lib,
  options,
  declared ? options,
}:
let
  words = text: lib.filter (word: word != "") (lib.splitString " " text);
  cell = text: lib.concatStringsSep " " (words (lib.replaceStrings [ "\n" "\t" ] [ " " " " ] text));
  row =
    option:
    lib.concatStringsSep "\t" [
      option.name
      (cell option.type)
      (cell (option.default.text or ""))
      (lib.optionalString option.readOnly "yes")
    ];
  chosen = lib.filter lib.isOption (
    map (option: lib.attrByPath option.loc null options) (lib.collect lib.isOption declared)
  );
in
lib.concatLines (
  [ "name\ttype\tdefault\treadOnly" ] ++ map row (lib.concatMap lib.optionAttrSetToDocList chosen)
)
