import { capacities } from './capacity.ts';
import type { Stage } from './stage.ts';

/** Every value is an example until you set it; with another account, no address at example.com is accepted. */
export const production: Stage = {
  name: 'production',
  region: 'eu-central-1',
  account: '111122223333',
  data: {
    kind: 'managed',
    availabilityZones: ['eu-central-1a', 'eu-central-1b', 'eu-central-1c'],
    vpcCidr: '10.40.0.0/16',
    keepData: true,
    passwords: { owner: 1, operator: 1, writer: 1, reader: 1, authorizer: 1, keys: 1, cache: 1 },
    headsLockedDays: 3653,
  },
  capacity: capacities['1.2M'],
  identity: {
    issuer: 'https://id.example.com/',
    audience: 'odometer',
    jwksUrl: 'https://id.example.com/.well-known/jwks.json',
  },
  alarmEmails: ['on-call@example.com'],
  logLevel: 'info',
};
