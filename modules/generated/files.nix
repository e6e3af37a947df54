# Written by `mas2nix compile` from src/schema. Do not edit: change that instead.
# `*` is any entry of a list. MAS uses every byte of a `raw` file, and ignores white space around
# what is in a `trimmed` one.
[
  {
    path = [
      "http"
      "listeners"
      "*"
      "tls"
      "certificate_file"
    ];
    kind = "trimmed";
  }
  {
    path = [
      "http"
      "listeners"
      "*"
      "tls"
      "key_file"
    ];
    kind = "trimmed";
  }
  {
    path = [
      "http"
      "listeners"
      "*"
      "tls"
      "password_file"
    ];
    kind = "raw";
  }
  {
    path = [
      "matrix"
      "secret_file"
    ];
    kind = "raw";
  }
  {
    path = [
      "secrets"
      "encryption_file"
    ];
    kind = "raw";
  }
  {
    path = [
      "secrets"
      "keys"
      "*"
      "key_file"
    ];
    kind = "trimmed";
  }
  {
    path = [
      "secrets"
      "keys"
      "*"
      "password_file"
    ];
    kind = "raw";
  }
  {
    path = [
      "secrets"
      "keys_dir"
    ];
    kind = "directory";
  }
  {
    path = [
      "database"
      "password_file"
    ];
    kind = "trimmed";
  }
  {
    path = [
      "database"
      "ssl_ca_file"
    ];
    kind = "trimmed";
  }
  {
    path = [
      "database"
      "ssl_certificate_file"
    ];
    kind = "trimmed";
  }
  {
    path = [
      "database"
      "ssl_key_file"
    ];
    kind = "trimmed";
  }
  {
    path = [
      "passwords"
      "schemes"
      "*"
      "secret_file"
    ];
    kind = "raw";
  }
  {
    path = [
      "email"
      "password_file"
    ];
    kind = "trimmed";
  }
  {
    path = [
      "upstream_oauth2"
      "providers"
      "*"
      "client_secret_file"
    ];
    kind = "trimmed";
  }
  {
    path = [
      "upstream_oauth2"
      "providers"
      "*"
      "sign_in_with_apple"
      "private_key_file"
    ];
    kind = "trimmed";
  }
  {
    path = [
      "clients"
      "*"
      "client_secret_file"
    ];
    kind = "trimmed";
  }
]
