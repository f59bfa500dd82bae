import type { Logger } from '../../../shared/runtime/logger.ts';

interface LogLine {
  readonly level: string;
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

/** Keeps what is logged, so that a test can ask for it. */
export class FakeLogger implements Logger {
  /** Lines at warn and above. */
  readonly lines: LogLine[] = [];
  /** The message of every line, whatever its level. */
  readonly messages: string[] = [];

  debug(_fields: Record<string, unknown>, message: string): void {
    this.messages.push(message);
  }

  info(_fields: Record<string, unknown>, message: string): void {
    this.messages.push(message);
  }

  warn(fields: Record<string, unknown>, message: string): void {
    this.#keep({ level: 'warn', fields, message });
  }

  error(fields: Record<string, unknown>, message: string): void {
    this.#keep({ level: 'error', fields, message });
  }

  #keep(line: LogLine): void {
    this.lines.push(line);
    this.messages.push(line.message);
  }
}
