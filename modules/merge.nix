# Two ways to merge settings. src/config/merge.rs has the same for Rust, and tests/fixtures/merge.yaml has
# cases for both.
{ lib }:
let
  # As MAS merges its files: sets are merged, lists are joined, and other values of `above` replace those
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

  # As settings are laid over defaults: a list replaces the default one.
  replacingLists = lib.recursiveUpdate;
}
