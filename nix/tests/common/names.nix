# The public names of the homeserver in the tests, for which its certificate is.
[
  "auth.example.com"
  "example.com"
  "matrix.example.com"
]
