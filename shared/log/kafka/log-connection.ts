/** An authenticated log: TLS with host names verified, and a bearer token (SASL OAUTHBEARER) for each connection. */
export interface LogSecurity {
  /** Called whenever a connection authenticates; what it throws becomes `log_unavailable`. */
  readonly token: () => Promise<string>;
}

/** How the log's brokers are reached; without security in plain text. */
export interface LogConnection {
  readonly bootstrapServers: string;
  readonly security?: LogSecurity | undefined;
}
