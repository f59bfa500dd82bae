/** Entry of an `api` process: all HTTP routes on one port; several such processes share it by node:cluster. */
import { apiPortDefault } from '../../shared/contracts/endpoints.ts';
import { ENV_PORT } from '../../shared/contracts/env.ts';
import { routes } from '../../shared/contracts/routes.ts';
import { failure } from '../../shared/errors.ts';
import { processEnvironment } from '../../shared/runtime/process/environment.ts';
import { createLogger } from '../../shared/runtime/process/pino-logger.ts';
import { tokenRequiredOf } from './auth-setting.ts';
import { corsOriginsOf } from './cors.ts';
import { createHttpServer } from './http-server.ts';
import { loadHandler } from './load-handler.ts';
import { onStop } from './on-stop.ts';

const environment = processEnvironment();
const logger = createLogger('api', environment);
const names = [...new Set(routes.map((route) => route.function))];
const handlers = new Map(
  await Promise.all(names.map(async (name) => [name, await loadHandler(name)] as const)),
);
const authorizer = await loadHandler('authorizer');
const tokenRequired = tokenRequiredOf(environment);
const corsOrigins = corsOriginsOf(environment);
const server = createHttpServer({ handlers, authorizer, tokenRequired, corsOrigins, logger });
const port = Number(environment[ENV_PORT] ?? apiPortDefault);
server.listen(port, '127.0.0.1', () => logger.info({ port }, 'listening'));
server.on('error', (error) => {
  logger.error({ port, ...failure(error) }, 'cannot listen');
  process.exit(1);
});
onStop(
  () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeIdleConnections();
    }),
);
