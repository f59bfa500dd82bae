/** Resolves `secret:<name>` of the configuration. */
export interface Secrets {
  /** The secret's value. Throws OdometerError `secret_missing`, or `secrets_unavailable` (retryable). */
  read(name: string): Promise<string>;
}
