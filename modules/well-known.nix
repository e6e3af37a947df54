# Additional content of the well-known document for clients, as text that nginx and Caddy serve unchanged:
# src/deploy/well_known.rs explains the table.
{ lib }:
let
  escapes = [
    [
      "\\\\"
      "\\u005c"
    ]
    [
      "\\\""
      "\\u0022"
    ]
    [
      "\\b"
      "\\u0008"
    ]
    [
      "\\f"
      "\\u000c"
    ]
    [
      "\\n"
      "\\u000a"
    ]
    [
      "\\r"
      "\\u000d"
    ]
    [
      "\\t"
      "\\u0009"
    ]
    [
      "$"
      "\\u0024"
    ]
    [
      "'"
      "\\u0027"
    ]
    [
      "`"
      "\\u0060"
    ]
    [
      "{\""
      "{\""
    ]
    [
      "{}"
      "{}"
    ]
    [
      "{"
      "\\u007b"
    ]
  ];
  escaped = lib.replaceStrings (map lib.head escapes) (map lib.last escapes);
in
lib.mapAttrsToList (
  name: value: {
    inherit name;
    text = escaped "${builtins.toJSON name}:${builtins.toJSON value}";
  }
)
