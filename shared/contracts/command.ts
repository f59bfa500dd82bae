/**
 * What a command of `odometer` answers when its work is done. A command that cannot do its work throws instead:
 * an error of the name `UserError` is shown as its message alone, which holds the remedy; any other with its stack.
 */
export interface Answer {
  /** The document of `--json`: nothing in it that JSON cannot hold. */
  readonly json: unknown;
  /** The same for people, without the last line break. */
  readonly text: string;
  /** Whether a check found what it looks for: a difference, a refused row, a changed commit. */
  readonly found?: boolean;
}

/** Takes the one answer of a command. */
export type Report = (answer: Answer) => void;
