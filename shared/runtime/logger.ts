/**
 * Fields of a log line. An error is put in by `failure` and nothing else: under another name than `err` the logger
 * would print it as an empty object, so the obvious wrong name is a type error.
 */
export type LogFields = { readonly error?: never; readonly [name: string]: unknown };

/** Structured log lines: a stable message and fields; never an event's properties or a secret. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}
