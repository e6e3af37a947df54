# What generated rules are made of. A rule gives a list: empty, or with what is wrong.
{ lib }:
let
  isNumber = value: builtins.isInt value || builtins.isFloat value;
in
{
  refuse =
    at: message: broken:
    if broken then [ "${at}: ${message}" ] else [ ];

  # The rules of every entry of a list. They know the entry's place, itself, and those before it.
  each =
    at: list: rules:
    if builtins.isList list then
      lib.concatLists (
        lib.concatLists (lib.imap0 (i: entry: rules "${at}[${toString i}]" entry (lib.take i list)) list)
      )
    else
      [ "${at}: it must be a list. Put its entries into one." ];

  upper = value: if builtins.isString value then lib.toUpper value else value;

  less = left: right: isNumber left && isNumber right && left < right;

  inherit (import ./formats.nix) capture formats matches;
}
