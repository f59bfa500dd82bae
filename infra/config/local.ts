import { capacities } from './capacity.ts';
import type { Stage } from './stage.ts';

/** For an AWS emulator: log, cache and shards are the real local servers, whose addresses are written into the secrets. */
export const local: Stage = {
  name: 'local',
  region: 'eu-central-1',
  data: { kind: 'external', bootstrapServers: ['localhost:9092'] },
  capacity: capacities.none,
  identity: { issuer: 'odometer-local', audience: 'odometer-local' },
  alarmEmails: [],
  logLevel: 'info',
};
