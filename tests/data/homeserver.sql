-- A small homeserver with at least one of everything that the import looks at. Seconds, milliseconds
-- and the like are as Synapse writes them.
INSERT INTO users (name, password_hash, creation_ts, admin, is_guest, appservice_id, deactivated, locked) VALUES
  ('@alice:example.com', '$2b$12$aaaaaaaaaaaaaaaaaaaaaeSNPqRA4cJGuNNuvxjHPZjYlSH0C7jlS', 1500000000, 1, 0, NULL, 0, false),
  ('@bob:example.com', '$2b$12$bbbbbbbbbbbbbbbbbbbbbeSNPqRA4cJGuNNuvxjHPZjYlSH0C7jlS', 1500000001, 0, 0, NULL, 0, false),
  ('@carol:example.com', NULL, 1500000002, 0, 0, NULL, 0, false),
  ('@Mixed:example.com', '$2b$12$mmmmmmmmmmmmmmmmmmmmmeSNPqRA4cJGuNNuvxjHPZjYlSH0C7jlS', 1500000003, 0, 0, NULL, 0, false),
  ('@locked:example.com', '$2b$12$lllllllllllllllllllllleSNPqRA4cJGuNNuvxjHPZjYlSH0C7jlS', 1500000004, 0, 0, NULL, 0, true),
  ('@gone:example.com', NULL, 1500000005, 0, 0, NULL, 1, false),
  ('@1:example.com', NULL, 1500000006, 0, 1, NULL, 0, false),
  ('@_bridge_x:example.com', NULL, 1500000007, 0, 0, 'bridge', 0, false),
  ('@bridgebot:example.com', NULL, 1500000008, 0, 0, 'bridge', 0, false);
INSERT INTO user_threepids (user_id, medium, address, validated_at, added_at) VALUES
  ('@alice:example.com', 'email', 'alice@example.com', 1500000000500, 1500000000600),
  ('@alice:example.com', 'msisdn', '441234567890', 1500000000500, 1500000000700),
  ('@bob:example.com', 'email', 'bob@example.com', 1500000001500, 1500000001600),
  ('@gone:example.com', 'email', 'gone@example.com', 1500000005500, 1500000005600),
  ('@bridgebot:example.com', 'email', 'bot@example.com', 1500000008500, 1500000008600);
INSERT INTO user_external_ids (auth_provider, external_id, user_id) VALUES
  ('oidc-one', 'subject of carol', '@carol:example.com'),
  ('oidc', 'subject of bob', '@bob:example.com'),
  ('oidc-one', 'subject of gone', '@gone:example.com');
INSERT INTO devices (user_id, device_id, display_name, last_seen, ip, user_agent, hidden) VALUES
  ('@alice:example.com', 'PHONE', 'Element X', 1600000000123, '192.0.2.1', 'Element/1', false),
  ('@alice:example.com', 'LAPTOP', NULL, NULL, NULL, NULL, false),
  ('@alice:example.com', 'odd device / 🙂', 'with a name', 1600000000456, '2001:DB8::1', 'Mozilla', false),
  ('@alice:example.com', 'signing', 'master signing key', NULL, NULL, NULL, true),
  ('@bob:example.com', 'DESKTOP', 'Nheko', 1600000001000, '-', 'nheko', false),
  ('@bob:example.com', 'REFRESH', 'with refresh tokens', 1600000001001, '::ffff:192.0.2.9', 'x', false),
  ('@carol:example.com', 'WEB', 'Web', 1600000002000, '192.168.1.5/24', 'Firefox', false),
  ('@locked:example.com', 'LOCKED', 'Locked', 1600000004000, '10.0.0.1', 'x', false),
  ('@gone:example.com', 'GONE', 'Gone', 1600000005000, '10.0.0.2', 'x', false),
  ('@1:example.com', 'guest_device', 'Guest', 1600000006000, '10.0.0.3', 'x', false),
  ('@bridgebot:example.com', 'BOT', 'Bot', 1600000008000, '10.0.0.4', 'x', false);
INSERT INTO refresh_tokens (id, user_id, device_id, token, next_token_id) VALUES
  (1, '@bob:example.com', 'REFRESH', 'syr_bob_old', 2),
  (2, '@bob:example.com', 'REFRESH', 'syr_bob_new', NULL),
  (3, '@alice:example.com', 'LAPTOP', 'syr_alice_one', 4),
  (4, '@alice:example.com', 'LAPTOP', 'syr_alice_two', NULL);
INSERT INTO access_tokens (id, user_id, device_id, token, valid_until_ms, last_validated, puppets_user_id, refresh_token_id, used) VALUES
  (1, '@alice:example.com', 'PHONE', 'syt_alice_phone', NULL, 1600000000100, NULL, NULL, true),
  (2, '@alice:example.com', NULL, 'syt_alice_deviceless', NULL, NULL, NULL, NULL, false),
  (3, '@alice:example.com', 'odd device / 🙂', 'syt_alice_odd', 1893456000000, NULL, NULL, NULL, true),
  (4, '@bob:example.com', 'DESKTOP', 'syt_bob_desktop', NULL, 1600000001100, NULL, NULL, true),
  (5, '@bob:example.com', 'REFRESH', 'syt_bob_old', 1600000300000, 1600000000000, NULL, 1, true),
  (6, '@bob:example.com', 'REFRESH', 'syt_bob_new', 1893456000000, 1600000001200, NULL, 2, true),
  (7, '@carol:example.com', 'WEB', 'syt_carol_web', NULL, NULL, NULL, NULL, false),
  (8, '@bob:example.com', 'ABSENT', 'syt_bob_absent_device', NULL, NULL, NULL, NULL, false),
  (9, '@bob:example.com', NULL, 'syt_puppet', NULL, NULL, '@alice:example.com', NULL, false),
  (10, '@gone:example.com', 'GONE', 'syt_gone', NULL, NULL, NULL, NULL, false),
  (11, '@1:example.com', 'guest_device', 'syt_guest', NULL, NULL, NULL, NULL, false),
  (12, '@bridgebot:example.com', 'BOT', 'syt_bot', NULL, NULL, NULL, NULL, false),
  (13, '@locked:example.com', 'LOCKED', 'syt_locked', NULL, 1600000004100, NULL, NULL, true),
  (14, '@alice:example.com', 'LAPTOP', 'syt_alice_laptop_one', 1893456000000, 1600000000000, NULL, 3, true),
  (15, '@alice:example.com', 'LAPTOP', 'syt_alice_laptop_two', 1893456000001, 1600000000001, NULL, 4, false);
