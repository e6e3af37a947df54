# `(pkgs.formats.json { }).type` and `(pkgs.formats.yaml { }).type`: nixpkgs pkgs/pkgs-lib/formats.nix.
{ lib }:
let
  inherit (lib) types;
  value =
    types.nullOr (
      types.oneOf [
        types.bool
        types.int
        types.float
        types.str
        types.path
        (types.attrsOf value)
        (types.listOf value)
      ]
    )
    // {
      description = "JSON value";
    };
in
value
