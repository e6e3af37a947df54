# Functions for the generated rules. A rule returns a list: empty, or with a message.
{ lib }:
let
  isNumber = value: builtins.isInt value || builtins.isFloat value;
in
{
  refuse =
    at: message: broken:
    if broken then [ "${at}: ${message}" ] else [ ];

  # The rules of every entry of a list. They get the entry's path, the entry, and the entries before it.
  each =
    at: list: rules:
    if builtins.isList list then
      lib.concatLists (
        lib.concatLists (lib.imap0 (i: entry: rules "${at}[${toString i}]" entry (lib.take i list)) list)
      )
    else
      [ "${at}: must be a list. Write its entries as a list." ];

  upper = value: if builtins.isString value then lib.toUpper value else value;

  less = left: right: isNumber left && isNumber right && left < right;

  inherit (import ./formats.nix) capture formats matches;
}
