import { pino } from 'pino';
import { ENV_LOG_LEVEL } from '../../contracts/env.ts';
import type { Environment } from '../config.ts';
import type { Logger } from '../logger.ts';

/** JSON lines on standard output, one a call, with the function's name in each. */
export function createLogger(name: string, environment: Environment): Logger {
  return pino({
    name,
    level: environment[ENV_LOG_LEVEL] ?? 'info',
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) },
  });
}
