# Cargo.toml without tests and benchmarks, because cargo reads no manifest that names a missing file, and
# without the metadata of Debian's package, which must not rebuild the tools.
{ lib }:
let
  unneeded = [
    "[test]]"
    "[bench]]"
    "package.metadata."
  ];
  isNeeded = table: !lib.any (prefix: lib.hasPrefix prefix table) unneeded;
  tables = lib.splitString "\n[" (builtins.readFile ../Cargo.toml);
in
builtins.toFile "Cargo.toml" (lib.concatStringsSep "\n[" (lib.filter isNeeded tables))
