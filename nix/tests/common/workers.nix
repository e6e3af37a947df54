# A worker beside Synapse's main process, at a port of its own.
{
  services.matrix-synapse = {
    configureRedisLocally = true;
    workers.generic.worker_listeners = [
      {
        type = "http";
        port = 8083;
        bind_addresses = [ "127.0.0.1" ];
        tls = false;
        resources = [ { names = [ "client" ]; } ];
      }
    ];
  };
}
