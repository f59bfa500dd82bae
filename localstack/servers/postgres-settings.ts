/** The `postgresql.conf` of one shard. The cluster speaks TCP on the loopback address only, in UTC. */
export function postgresSettings(port: number): string {
  const settings: Record<string, string | number> = {
    listen_addresses: "'127.0.0.1'",
    port,
    unix_socket_directories: "''",
    max_connections: 100,
    // Said aloud although they are the defaults: a commit is on disk before it is called one (U2, U3).
    fsync: 'on',
    synchronous_commit: 'on',
    shared_buffers: "'256MB'",
    max_wal_size: "'4GB'",
    wal_compression: 'off',
    shared_preload_libraries: "'pg_stat_statements'",
    timezone: "'UTC'",
    log_timezone: "'UTC'",
    log_line_prefix: "'%m [%p] %q%u@%d %a '",
    log_checkpoints: 'off',
    datestyle: "'iso, ymd'",
    default_text_search_config: "'pg_catalog.simple'",
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  return `${lines.join('\n')}\n`;
}
