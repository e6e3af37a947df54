"""Public configurations for nixpkgs' module, on machines: MAS starts, and its commands work."""

start_all()
for node in machines:
    with subtest(f"{node.name}: MAS starts"):
        node.wait_for_unit(MAS)
        node.succeed("curl -sf http://127.0.0.1:8080/.well-known/openid-configuration")
    with subtest(f"{node.name}: commands have the same secrets"):
        node.succeed("mas-cli manage list-admin-users")
        # It finds that there is no homeserver, but it runs.
        started = node.execute(f"systemctl start {SERVICE}-doctor")
        found = journal(node, f"{SERVICE}-doctor.service")
        assert "Can't reach the homeserver" in found, (started, found)
    with subtest(f"{node.name}: a reboot changes nothing"):
        node.shutdown()
        node.start()
        node.wait_for_unit(MAS)
