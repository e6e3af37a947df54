# What generated rules are made of. A rule gives a list: empty, or with what is wrong.
{ lib }:
{
  refuse =
    at: message: broken:
    if broken then [ "${at}: ${message}" ] else [ ];

  # The rules of every entry of a list. They know the entry's place, itself, and those before it.
  each =
    at: list: rules:
    lib.concatLists (
      lib.concatLists (lib.imap0 (i: entry: rules "${at}[${toString i}]" entry (lib.take i list)) list)
    );

  less = left: right: lib.isNumber left && lib.isNumber right && left < right;

  matches = pattern: value: builtins.isString value && builtins.match pattern value != null;
}
