# Cargo.toml without tests and benchmarks: cargo reads no manifest that names a missing file.
{ lib }:
let
  isTest = table: lib.hasPrefix "[test]]" table || lib.hasPrefix "[bench]]" table;
  tables = lib.splitString "\n[" (builtins.readFile ../Cargo.toml);
in
builtins.toFile "Cargo.toml" (lib.concatStringsSep "\n[" (lib.filter (table: !isTest table) tables))
