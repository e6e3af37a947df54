-- A synthetic homeserver of :n users, with three devices and tokens each.
INSERT INTO users (name, password_hash, creation_ts, admin, is_guest, deactivated, locked)
SELECT '@user' || i || ':example.com', '$2b$12$' || left(md5(i::text), 21) || 'e' || left(md5((i * 7)::text), 30) || 'a',
  1500000000 + i, 0, 0, 0, false FROM generate_series(1, :n) i;
INSERT INTO user_threepids (user_id, medium, address, validated_at, added_at)
SELECT '@user' || i || ':example.com', 'email', 'user' || i || '@example.com', 1500000000000 + i,
  1500000000000 + i FROM generate_series(1, :n) i WHERE i % 3 <> 0;
INSERT INTO user_external_ids (auth_provider, external_id, user_id)
SELECT 'oidc-one', 'subject' || i, '@user' || i || ':example.com' FROM generate_series(1, :n) i
WHERE i % 4 = 0;
INSERT INTO devices (user_id, device_id, display_name, last_seen, ip, user_agent, hidden)
SELECT '@user' || i || ':example.com', 'DEVICE' || d, 'Element on device ' || d, 1600000000000 + i,
  CASE d WHEN 2 THEN '2001:db8::' || to_hex(1 + i % 65535) ELSE '192.0.2.' || (i % 256) END,
  'Mozilla/5.0 (X11; Linux x86_64)', false FROM generate_series(1, :n) i, generate_series(1, 3) d;
INSERT INTO access_tokens (id, user_id, device_id, token, last_validated, used)
SELECT i * 3 + d, '@user' || i || ':example.com', 'DEVICE' || d, 'syt_' || md5((i * 3 + d)::text),
  1600000000000 + i, true FROM generate_series(1, :n) i, generate_series(1, 3) d;
ANALYZE;
