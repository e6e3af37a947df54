# Additional content of the well-known document for clients: servers for calls, and texts with what means
# something to nginx and Caddy.
{
  "org.matrix.msc4143.rtc_foci" = [
    {
      type = "livekit";
      livekit_service_url = "https://rtc.example.com/livekit/jwt";
    }
  ];
  "com.example.text" =
    "it's $host, `\${HOME}`, {env.HOME} {$HOME} {http.request.host} {} \"{\" \\{x\\} \\n \t\n ä";
}
