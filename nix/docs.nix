# The documentation as a book, with a search: docs/book.toml.
{
  lib,
  mdbook,
  runCommand,
}:
let
  source = (import ./source.nix { inherit lib; }).docs;
in
runCommand "mas2nix-docs" { nativeBuildInputs = [ mdbook ]; } ''
  mdbook build ${source}/docs --dest-dir "$out"
''
