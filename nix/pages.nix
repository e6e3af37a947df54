# The documents as they are, with the schemas and pictures beside them, in share/doc/mas2nix. Not a part of
# ./package.nix: a change of them must not rebuild the tools (see ./source.nix).
{ lib, runCommand }:
let
  source = (import ./source.nix { inherit lib; }).docs;
in
runCommand "mas2nix-pages" { } ''
  mkdir -p "$out/share/doc"
  cp -r ${source}/docs "$out/share/doc/mas2nix"
''
