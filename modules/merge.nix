# Two ways to merge settings. src/config/merge.rs implements the same in Rust, and both are tested with
# tests/fixtures/merge.yaml.
{ lib }:
let
  # Like MAS merges its files: sets are merged, lists are joined, and other values of `above` replace those
  # of `below`.
  joiningLists =
    below: above:
    if lib.isAttrs below && lib.isAttrs above then
      below
      // lib.mapAttrs (
        key: value: if below ? ${key} then joiningLists below.${key} value else value
      ) above
    else if lib.isList below && lib.isList above then
      below ++ above
    else
      above;
in
{
  inherit joiningLists;

  # For settings over their defaults: a list replaces the default list.
  replacingLists = lib.recursiveUpdate;
}
