import { type DestinationStream, pino } from 'pino';
import { ENV_LOG_LEVEL } from '../../contracts/env.ts';
import type { Environment } from '../config.ts';
import type { Logger } from '../logger.ts';

/** JSON lines with the function's name in each, one line a call; on standard output unless a test catches them. */
export function createLogger(name: string, environment: Environment, output?: DestinationStream): Logger {
  const options = {
    name,
    level: environment[ENV_LOG_LEVEL] ?? 'info',
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level: string) => ({ level }) },
  };
  return pino(options, output);
}
