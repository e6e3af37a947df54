# Prints a value as a YAML document in block style. src/util/yaml.rs writes the same text.
{ lib }:
let
  inherit (builtins)
    isAttrs
    isList
    match
    toJSON
    ;

  isBlock = value: (isAttrs value && value != { }) || (isList value && value != [ ]);

  reserved = [
    "false"
    "n"
    "no"
    "null"
    "off"
    "on"
    "true"
    "y"
    "yes"
  ];
  key =
    name:
    if match "[a-z][A-Za-z0-9_-]*" name != null && !(builtins.elem name reserved) then
      name
    else
      toJSON name;

  block =
    indent: value:
    if isAttrs value then
      lib.concatStrings (
        lib.mapAttrsToList (
          name: value:
          "${indent}${key name}:"
          + (if isBlock value then "\n${block "${indent}  " value}" else " ${toJSON value}\n")
        ) value
      )
    else
      lib.concatMapStrings (
        item:
        if isBlock item then
          "${indent}- ${lib.removePrefix "${indent}  " (block "${indent}  " item)}"
        else
          "${indent}- ${toJSON item}\n"
      ) value;
in
value: if isBlock value then block "" value else "${toJSON value}\n"
