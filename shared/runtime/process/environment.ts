import type { Environment } from '../config.ts';

/** The environment of this process; the one file that reads `process.env`. */
export function processEnvironment(): Environment {
  return process.env;
}
