/** An authenticated log: TLS with host names verified, and a bearer token (SASL OAUTHBEARER) for each connection. */
export interface LogSecurity {
  /** Asked whenever a connection proves who it is; what it throws is `log_unavailable`. */
  readonly token: () => Promise<string>;
}

/** Where the log's brokers are; without security they are spoken to in plain text. */
export interface LogConnection {
  readonly bootstrapServers: string;
  readonly security?: LogSecurity | undefined;
}
